"""Small lakes for tests: land rows as files, read silver back as plain Python."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from connectors.land import land
from warehouse_models.catalog import DEFAULT_SHARD, Catalog
from warehouse_models.lake import Lake
from warehouse_models.specs import spec


def land_rows(
    lake: Lake, tenant: str, object: str, rows: Iterable[Mapping[str, Any]], folder: Path, **options: Any
) -> Any:
    """Land `rows` as one JSONL file of their own; the landing's report."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{tenant}-{object}-{len(list(folder.iterdir()))}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return land(lake, Catalog(lake), tenant, object, [path], **options)


def silver(lake: Lake, address: str, columns: str = "*", shard: str = DEFAULT_SHARD) -> list[tuple[Any, ...]]:
    """Rows of a silver table; none where nothing was written yet."""
    version = lake.version(spec(address), shard)
    if version is None:
        return []
    uri = lake.table_uri(address, shard)
    rows: list[tuple[Any, ...]] = lake.duck().execute(f"SELECT {columns} FROM delta_scan('{uri}')").fetchall()
    return rows


def whole(lake: Lake, address: str, shard: str = DEFAULT_SHARD) -> list[tuple[Any, ...]]:
    """All rows and columns of a table in one fixed order, for comparing tables."""
    return sorted(silver(lake, address, shard=shard), key=repr)
