"""The book of landings: one row for each file that was read to its end, with its counts and its watermark."""

from __future__ import annotations

from typing import Any

from duckdb import DuckDBPyConnection

from connectors.contracts.times import now_micros
from connectors.landing.batch import Batch
from connectors.landing.report import FileReport
from connectors.landing.store import Store
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import landing_trail
from warehouse_models.specs import spec

ADDRESS = "bronze/landings"


def landed_before(lake: Lake, duck: DuckDBPyConnection, batch: Batch) -> tuple[int, int, int] | None:
    """(accepted, duplicate, quarantined) of this file's landing, or None where it never came to its end."""
    tables = lake.shard(batch.shard)
    version = tables.version(ADDRESS)
    if version is None:
        return None
    row: tuple[int, int, int] | None = duck.execute(
        f"SELECT accepted, duplicate, quarantined FROM {tables.scan(ADDRESS, version)}"
        " WHERE tenant_id = ? AND object = ? AND batch_id = ? ORDER BY landed_at DESC LIMIT 1",
        [batch.tenant, batch.object, batch.batch_id],
    ).fetchone()
    return row


def write_landing(
    store: Store,
    report: FileReport,
    *,
    file_sha: str,
    as_of: int | None,
    complete: bool,
    is_anew: bool = False,
) -> None:
    """Write the row of a landing that came to its end; where another landing of the file wrote it meanwhile, none.

    `as_of` is UTC microseconds, None where nobody said it; `is_anew`: the file had a row when this landing
    began, and gets another. TenureError where other landings keep winning the commit.
    """
    batch = store.batch
    values: dict[str, Any] = {
        "tenant_id": batch.tenant,
        "object": batch.object,
        "file": batch.file,
        "file_sha": file_sha,
        "as_of": as_of,
        "complete": complete,
        "accepted": report.accepted,
        "duplicate": report.duplicate,
        "quarantined": report.quarantined,
        "landed_at": now_micros(),
        "batch_id": batch.batch_id,
    }
    row = spec(ADDRESS).arrow([values])
    # A row that says neither changes nothing in silver, so its trail names no tenant: small runs stay small.
    tenants = [batch.tenant] if as_of is not None or complete else []
    store.tables.append_once(
        ADDRESS,
        lambda _: row if is_anew or landed_before(store.lake, store.duck, batch) is None else None,
        # The marker makes two landings of one file meet: each once wrote a row of its own.
        markers={store.app: None},
        trail=landing_trail(batch.batch_id, [batch.landed_date], tenants),
        lost=TenureError(f"landing {batch.file}", "other landings keep winning the commit", "land the file again"),
    )
