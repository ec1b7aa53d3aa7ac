"""A lake of the test's own, and one short way to land text and look at what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.landing.land import land
from connectors.landing.open_rows import Filter, QuarantinedRow, list_rows
from connectors.landing.report import LandingReport
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.objects.every import all_objects

TENANT = "acme"
TABLES = {name: declared.address for name, declared in all_objects().items()}


@dataclass
class Drop:
    """The file drop of one tenant in a fresh lake."""

    folder: Path
    lake: Lake
    catalog: Catalog

    def file(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def land(self, object: str, *paths: Path, **how: Any) -> LandingReport:
        return land(self.lake, self.catalog, TENANT, object, paths, **how)

    def land_rows(self, object: str, *rows: Any, name: str = "rows.jsonl", **how: Any) -> LandingReport:
        """Land rows as JSONL; text and bytes are lines as they are."""
        lines = [row if isinstance(row, bytes) else row.encode() if isinstance(row, str) else dump(row) for row in rows]
        return self.land(object, self.file(name, b"\n".join(lines) + b"\n"), **how)

    def bronze(self, object: str = "events", columns: str = "*", order: str = "file, line") -> list[dict[str, Any]]:
        return self.table(TABLES[object], columns, order)

    def table(self, address: str, columns: str = "*", order: str = "1") -> list[dict[str, Any]]:
        if self.lake.shard("pool").version(address) is None:
            return []
        table = self.lake.shard("pool").scan(address)
        with self.lake.duck() as connection:
            cursor = connection.execute(f"SELECT {columns} FROM {table} ORDER BY {order}")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def refusals(self, object: str | None = None) -> list[QuarantinedRow]:
        return list_rows(self.lake, [self.catalog.tenant(TENANT)], Filter(object=object))

    def codes(self) -> list[str]:
        return [refusal.reason.partition(":")[0] for refusal in self.refusals()]


def dump(row: Any) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode()


def event(number: int = 0, **more: Any) -> dict[str, Any]:
    """A good event; `more` replaces fields, None takes one away."""
    made = {
        "messageId": f"m{number}",
        "type": "track",
        "event": "Opened",
        "userId": f"u{number % 3}",
        "timestamp": f"2024-03-{1 + number % 28:02d}T10:00:00Z",
        "receivedAt": f"2024-03-{1 + number % 28:02d}T10:00:01Z",
    }
    made.update(more)
    return {key: value for key, value in made.items() if value is not None}


@pytest.fixture
def drop(tmp_path: Path, tenure_home: Path) -> Drop:
    lake = Lake()
    catalog = Catalog(lake)
    catalog.add_tenant(TENANT)
    return Drop(tmp_path, lake, catalog)


@pytest.fixture
def make_event() -> Callable[..., dict[str, Any]]:
    return event
