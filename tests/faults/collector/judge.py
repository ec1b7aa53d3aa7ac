"""After a fault: what clients were told against what bronze, quarantine, silver and the journals hold.

Every row of bronze tells by its sentAt which attempt of which client it came from. So not only is each acknowledged
event there: each delivery is there as a whole or not at all, and never more often than it can have arrived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.collector.client import Attempt, Device, Told
from transforms.runner import run_transforms
from warehouse_models.lake.lake import Lake

EVENTS, QUARANTINE, USAGE = "bronze/product/events", "bronze/quarantine", "bronze/collector/usage"
SHARDS = ("pool", "second")
_COLUMNS = ["tenant_id", "source_id", "record_id", "file", "line"]
_TIMES = ["sent_at", "received_at", "original_timestamp"]
_MOST_TOLD = 6
# The clock of a client and that of a collector are one here, but are not read at the same moment.
_SLACK = 0.05


@dataclass
class Held:
    """What the lake holds: rows as dicts with `shard`; `metered`: requests by source.

    `silver`: (tenant, message id) rows, where it was computed.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    metered: Counter[str] = field(default_factory=Counter)
    silver: list[tuple[str, str]] | None = None
    journal: list[str] = field(default_factory=list)


def held(journals: Path, *, to_silver: bool) -> Held:
    """Read it all; in a process of its own, because it opens tables."""
    lake, contents = Lake(), Held(silver=[] if to_silver else None)
    for shard in SHARDS:
        contents.events += _rows(lake, EVENTS, shard, _COLUMNS + _TIMES)
        contents.refused += _rows(lake, QUARANTINE, shard, _COLUMNS)
        for row in _rows(lake, USAGE, shard, ["source_id", "requests"]):
            contents.metered[row["source_id"]] += row["requests"]
        if contents.silver is not None:
            run_transforms(lake, shard)
            rows = _rows(lake, "silver/product/events", shard, ["tenant_id", "message_id"])
            contents.silver += [(row["tenant_id"], row["message_id"]) for row in rows]
    contents.journal = sorted(path.name for path in journals.glob("*/*-*.*"))
    return contents


def _rows(lake: Lake, address: str, shard: str, columns: list[str]) -> list[dict[str, Any]]:
    table = lake.shard(shard).table(address)
    if table is None:
        return []
    rows: list[dict[str, Any]] = table.to_pyarrow_table(columns=columns).to_pylist()
    # Only what came through collectors: the world before and rivals land files.
    return [{**row, "shard": shard} for row in rows if str(row.get("file", "collector/")).startswith("collector/")]


def problems(sent: Told, after: Held, devices: Iterable[Device], before: Held) -> list[str]:
    """What must not be; `before`: what the world held when the clients began."""
    said = list(sent.problems)
    by_source = {device.source: device for device in devices}
    old = Counter(map(_place, [*before.events, *before.refused]))
    places = Counter(map(_place, [*after.events, *after.refused]))
    said += [f"in bronze {times} times: {place}" for place, times in places.items() if times > 1]
    said += [f"it was in bronze and is gone: {place}" for place in old if place not in places]
    events = [row for row in after.events if _place(row) not in old]
    refused = [row for row in after.refused if _place(row) not in old]
    for row in events + refused:
        device = by_source.get(row["source_id"])
        if device is None or (device.tenant, _shard(device.tenant)) != (row["tenant_id"], row["shard"]):
            said.append(f"in bronze under another's name: {row}")
    copies = _copies(sent.attempts, events, said)
    for source in by_source:
        requests = sum(times for (of, _), times in copies.items() if of == source)
        if after.metered[source] != requests:
            said.append(f"metered {after.metered[source]} requests of {source}, not {requests}")
    wanted: Counter[tuple[str, str]] = Counter()
    for attempt in sent.attempts:
        for name in attempt.bad:
            wanted[attempt.source, name] += copies[attempt.source, attempt.sent_at]
    quarantined = Counter((row["source_id"], row["record_id"]) for row in refused)
    for key in {*wanted, *quarantined}:
        if wanted[key] != quarantined[key]:
            said.append(f"quarantined {quarantined[key]} times, not {wanted[key]}: {key}")
    said += [f"left in the journal: {name}" for name in after.journal]
    if after.silver is not None:
        said += _silver(after)
    return said[:_MOST_TOLD] + ([f"and {len(said) - _MOST_TOLD} more"] if len(said) > _MOST_TOLD else [])


def _copies(attempts: Iterable[Attempt], rows: list[dict[str, Any]], said: list[str]) -> Counter[tuple[str, str]]:
    """How often each attempt is in bronze."""
    by_attempt: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_attempt.setdefault((row["source_id"], _iso(row["sent_at"])), []).append(row)
    copies: Counter[tuple[str, str]] = Counter()
    for attempt in attempts:
        key = attempt.source, attempt.sent_at
        copied = by_attempt.pop(key, [])
        times = Counter(row["record_id"] for row in copied)
        counts = {times[name] for name in {*attempt.good, *times}}
        if set(times) - set(attempt.good) or len(counts) != 1:
            said.append(f"a part of a request: {key} {dict(times)} of {attempt.good}")
            continue
        copies[key] = counts.pop()
        if copies[key] < attempt.acks:
            said.append(f"LOST: acknowledged {attempt.acks} times, in bronze {copies[key]}: {key} {attempt.good}")
        if copies[key] > attempt.deliveries:
            said.append(f"DOUBLED: delivered {attempt.deliveries} times, in bronze {copies[key]}: {key}")
        for row in copied:
            at = row["received_at"].timestamp()
            if attempt.acks == attempt.deliveries and not attempt.began - _SLACK <= at <= attempt.ended + _SLACK:
                said.append(f"received at another time than it was sent: {key}")
            if _iso(row["original_timestamp"]) != attempt.original:
                said.append(f"another original timestamp than was sent: {key} {row['original_timestamp']}")
    said += [f"in bronze and never sent: {key}" for key in by_attempt]
    return copies


def _silver(after: Held) -> list[str]:
    assert after.silver is not None
    wanted = {(row["tenant_id"], row["record_id"]) for row in after.events}
    times = Counter(after.silver)
    ours = {key for key in times if not key[1].startswith("file-")}
    said = [f"in silver {times[key]} times: {key}" for key in ours if times[key] != 1]
    return said + [f"in silver or in bronze alone: {key}" for key in ours ^ wanted]


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["shard"], row["tenant_id"], row["source_id"], row["file"], row["line"]


def _shard(tenant: str) -> str:
    return "second" if tenant == "far" else "pool"


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
