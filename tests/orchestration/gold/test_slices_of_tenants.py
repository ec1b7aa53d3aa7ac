"""A run replaces its own slices: what it computes of a tenant that did not move would stand beside what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.gold.build import run_gold
from tests.support.lakes import land_rows
from transforms.runner import run_transforms
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake

SUBSCRIPTION = {"subscription_id": "s", "account_id": "a", "plan": "p", "start_date": "2024-01-01", "amount": 100}
SUBSCRIPTION |= {"currency": "USD", "interval": "month", "updated_at": "2024-02-01"}
INVOICE = {"invoice_line_id": "i", "account_id": "b", "issued_at": "2024-01-05", "amount": 20, "currency": "USD"}
INVOICE |= {"recurring": True, "status": "paid"}
EVENT = {"type": "track", "event": "Report", "messageId": "m", "userId": "ann", "context": {"groupId": "a"}}
EVENT |= {"timestamp": "2024-01-10T10:00:00Z"}


def rows_by_table() -> dict[str, tuple[int, int]]:
    """Table of the build database that dbt fills → rows, and how many of them differ."""
    with duck.connect(home.build_path("pool"), read_only=True) as connection:
        names = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where schema_name in ('intermediate', 'marts') order by all"
        ).fetchall()
        counts = "select count(*), (select count(*) from (select distinct * from {0})) from {0}"
        return {name: connection.execute(counts.format(name)).fetchall()[0] for (name,) in names}


@pytest.mark.slow
def test_a_run_for_one_tenant_leaves_every_row_of_another_once(tenure_home: Path, tmp_path: Path) -> None:
    lake = Lake()
    for tenant in ("acme", "bolt"):
        Catalog(lake).add_tenant(tenant)
        land_rows(lake, tenant, "events", [EVENT], tmp_path / "drop")
        land_rows(lake, tenant, "subscriptions", [SUBSCRIPTION], tmp_path / "drop", as_of="2024-02-29")
        land_rows(lake, tenant, "invoices", [INVOICE], tmp_path / "drop", as_of="2024-02-29")
    run_transforms(lake, "pool")
    assert run_gold(lake, "pool").error is None
    assert rows_by_table()["intermediate.int_mrr_spells"][0] >= 4

    Catalog(lake).set_tenant("acme", past_due_grace_days=3)
    run_transforms(lake, "pool")
    result = run_gold(lake, "pool")
    assert result.error is None and not result.full
    assert {table: counts for table, counts in rows_by_table().items() if counts[0] != counts[1]} == {}
