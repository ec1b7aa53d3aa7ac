"""Checks and the verdict per tenant.

A shard holds hundreds of tenants, so a check does not pass or fail: it names the tenants of its failing rows. A tenant
is green when no check names it. A failure that names nobody (a model error, a broken contract) holds the whole shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """One check of one run.

    `kind`: dbt, bronze_in or gold_out. `about`: the address it looks at, e.g. `gold/dim_accounts`. `words`: what it
    means when it fails, for somebody who never saw a database. `failing`: tenant → failing rows; empty: it passed.
    """

    name: str
    kind: str
    about: str
    words: str
    failing: Mapping[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether it names nobody."""
        return not self.failing


@dataclass(frozen=True)
class Failure:
    """A check that names one tenant: its name, its words, the number of that tenant's failing rows."""

    name: str
    words: str
    rows: int


@dataclass(frozen=True)
class Verdict:
    """Whether a tenant's newest data may be published, and what speaks against it."""

    tenant_id: str
    failures: tuple[Failure, ...] = ()

    @property
    def green(self) -> bool:
        """Whether nothing speaks against publishing."""
        return not self.failures

    @property
    def reason(self) -> str | None:
        """The failures in one sentence each, the worst first; None when green."""
        if self.green:
            return None
        ranked = sorted(self.failures, key=lambda failure: (-failure.rows, failure.name))
        told: list[str] = []
        for failure in ranked:
            text = f"{failure.words} ({failure.rows:,} {'row' if failure.rows == 1 else 'rows'})"
            if failure.rows == 0:
                text = failure.words
            if text not in told:
                told.append(text)
        more = f"; and {len(told) - 3} more" if len(told) > 3 else ""
        return "; ".join(told[:3]) + more


def verdicts(tenants: Iterable[str], checks: Iterable[Check], shard_error: str | None = None) -> dict[str, Verdict]:
    """A verdict for each of `tenants`; `shard_error` (a failure without a tenant) holds them all."""
    failures: dict[str, list[Failure]] = {tenant: [] for tenant in tenants}
    for check in checks:
        for tenant, rows in check.failing.items():
            failures.setdefault(tenant, []).append(Failure(check.name, check.words, rows))
    if shard_error is not None:
        words = "The newest figures could not be computed; the operators have been told"
        for found in failures.values():
            found.append(Failure("shard", words, 0))
    return {tenant: Verdict(tenant, tuple(found)) for tenant, found in sorted(failures.items())}
