"""Whose data a connection shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Principal:
    """Whose data a connection may show: the slugs in `tenants`, or every tenant where it is None."""

    tenants: frozenset[str] | None

    @classmethod
    def of(cls, *slugs: str) -> Principal:
        """A principal bound to these tenants."""
        return cls(frozenset(slugs))

    def __str__(self) -> str:
        return "all tenants" if self.tenants is None else ", ".join(sorted(self.tenants))


ALL = Principal(None)
