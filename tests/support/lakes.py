"""Small lakes for tests: land rows as files, read silver back as plain Python."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.contracts.events import EventContract
from connectors.contracts.objects import record_rules
from connectors.contracts.records import FLOOR, RecordContract
from connectors.contracts.times import now_micros, parse_micros
from connectors.landing.land import land
from tests.support.histories.records import Delivery
from warehouse_models.catalog.tenants import DEFAULT_SHARD, Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import landing_trail
from warehouse_models.objects.every import all_objects
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
    version = lake.shard(shard).version(spec(address))
    if version is None:
        return []
    rows: list[tuple[Any, ...]] = lake.duck().execute(f"SELECT {columns} FROM {scan(lake, address, shard)}").fetchall()
    return rows


def scan(lake: Lake, address: str, shard: str = DEFAULT_SHARD) -> str:
    """The relation of DuckDB's SQL that is a table as it is when it is read."""
    return lake.shard(shard).scan(address)


def whole(lake: Lake, address: str, shard: str = DEFAULT_SHARD) -> list[tuple[Any, ...]]:
    """All rows and columns of a table in one fixed order, for comparing tables."""
    return sorted(silver(lake, address, shard=shard), key=repr)


def rows_apart(one: Lake, other: Lake, address: str, shard: str = DEFAULT_SHARD) -> list[tuple[Any, ...]]:
    """Some of the rows and the column types that a table has in only one of two lakes; none where the two are equal."""
    lakes = {"one": one, "other": other}
    absent = [name for name, lake in lakes.items() if lake.shard(shard).version(spec(address)) is None]
    if absent:
        return [] if len(absent) == len(lakes) else [(f"absent in {absent[0]}",)]
    with one.duck() as connection:
        scans = [f"FROM {scan(lake, address, shard)}" for lake in lakes.values()]
        types = [connection.execute(f"DESCRIBE {scan}").fetchall() for scan in scans]
        apart: list[tuple[Any, ...]] = [pair for pair in zip(*types, strict=True) if pair[0] != pair[1]]
        for name, mine, theirs in zip(lakes, scans, reversed(scans), strict=True):
            rows = connection.execute(f"SELECT '{name}', * FROM ({mine} EXCEPT ALL {theirs}) LIMIT 3").fetchall()
            apart += rows
    return apart


def land_together(lake: Lake, deliveries: Iterable[tuple[str, Delivery]], shard: str = DEFAULT_SHARD) -> None:
    """Land many tenants' deliveries in a few commits, by the product's own contracts.

    A landing of a file costs half a second, whatever its size, so hundreds of histories could not be landed one by one.
    What `land` looks up (copies that bronze has already, versions that contradict) does not happen here, so silver has
    to cope without it.
    """
    waiting = list(deliveries)
    while waiting:
        # One commit is one landing: of two deliveries of a tenant's object the second waits for the next commit.
        now: dict[tuple[str, str], Delivery] = {}
        later = [
            (tenant, delivery)
            for tenant, delivery in waiting
            if now.setdefault((tenant, delivery.object), delivery) is not delivery
        ]
        for object in sorted({object for _, object in now}):
            _land_object(
                lake, shard, object, {tenant: delivery for (tenant, o), delivery in now.items() if o == object}
            )
        waiting = later


def _land_object(lake: Lake, shard: str, object: str, deliveries: Mapping[str, Delivery]) -> None:
    landed_at = now_micros()
    batch, today = f"together-{landed_at}", datetime.fromtimestamp(landed_at / 1e6, UTC).date()
    as_of = {tenant: parse_micros(d.as_of) if d.as_of else None for tenant, d in deliveries.items()}
    table = spec(all_objects()[object].address)
    parts = []
    for tenant, delivery in deliveries.items():
        contract: EventContract | RecordContract = EventContract(landed_at, FLOOR, 0)
        if object != "events":
            contract = RecordContract(record_rules(object), landed_at, as_of[tenant] or landed_at, table)
        raw = [json.dumps(row).encode() for row in delivery.rows]
        rows = [contract.read(json.loads(line), line, place, len(line)) for place, line in enumerate(raw, 1)]
        same = {"tenant_id": tenant, "source_id": "file_drop", "object": object, "batch_id": batch, "op": "append"}
        same |= {"file": "together.jsonl", "landed_date": today, "landed_at": landed_at}
        wanted = table.arrow_schema.names
        parts.append(table.arrow(rows, contract.typed, {name: same[name] for name in same if name in wanted}))
    lake.shard(shard).append(table, pa.concat_tables(parts), trail=landing_trail(batch, [today], list(deliveries)))
    book = spec("bronze/landings")
    said = [
        {"tenant_id": t, "object": object, "complete": d.complete, "as_of": as_of[t], "batch_id": batch}
        | {"landed_at": landed_at}
        for t, d in deliveries.items()
    ]
    news = [tenant for tenant, d in deliveries.items() if d.complete or d.as_of]
    lake.shard(shard).append(book, book.arrow(said), trail=landing_trail(batch, [today], news))
