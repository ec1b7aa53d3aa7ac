"""What silver computes from a sandbox world is what happened in it: sessions, active days and days, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.landing.land import land
from connectors.sandbox import TenantFiles, World, write_world
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

_SESSIONS = (
    "coalesce(user_id, '') AS who, coalesce(anonymous_id, '') AS visitor, account_id, {started}, {ended}, events"
)
_DAYS = """
    SELECT
        u.date,
        count(DISTINCT user_id) FILTER (qualifying_events > 0) AS dau,
        count(DISTINCT anonymous_id) FILTER (qualifying_events > 0) AS anonymous_visitors,
        count(DISTINCT account_id) FILTER (qualifying_events > 0 AND account_id <> 'unresolved') AS active_accounts,
        sum(events)::BIGINT AS events,
        (SELECT count(*) FROM sessions AS s WHERE s.tenant_id = '{tenant}' AND s.session_date = u.date) AS sessions
    FROM usage_daily AS u
    WHERE tenant_id = '{tenant}'
    GROUP BY u.date
"""
_COMPARED = {
    "sessions.csv": (
        "SELECT " + _SESSIONS.format(started="started_at", ended="ended_at") + " FROM truth",
        "SELECT "
        + _SESSIONS.format(started="started_at::TIMESTAMP", ended="ended_at::TIMESTAMP")
        + " FROM sessions WHERE tenant_id = '{tenant}'",
    ),
    "active_days.csv": (
        "SELECT account_id, user_id, date, events FROM truth",
        "SELECT account_id, user_id, date, sum(qualifying_events)::BIGINT FROM usage_daily WHERE tenant_id = '{tenant}'"
        " AND user_id IS NOT NULL AND qualifying_events > 0 GROUP BY ALL",
    ),
    "features_daily.csv": (
        "SELECT date, feature, events, users FROM truth",
        "SELECT date, feature, sum(events)::BIGINT, count(DISTINCT user_id) FROM usage_daily"
        " WHERE tenant_id = '{tenant}' AND feature IS NOT NULL GROUP BY ALL",
    ),
    "users_daily.csv": (
        "SELECT date, dau, anonymous_visitors, active_accounts, events, sessions FROM truth WHERE events > 0",
        _DAYS,
    ),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[TenantFiles]]:
    folder = tmp_path_factory.mktemp("sandbox")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(folder / "home"))
        lake = Lake()
        catalog = Catalog(lake)
        made = write_world(folder / "world", World(seed=23, days=50))
        for files in made:
            catalog.add_tenant(files.slug)
            for object, path in (("events", files.events), ("accounts", files.accounts), ("users", files.users)):
                assert land(lake, catalog, files.slug, object, [path]).quarantined == 0
        run_transforms(lake, "pool")
    return lake, made


@pytest.mark.parametrize("name", list(_COMPARED))
def test_silver_is_what_happened(ran: tuple[Lake, list[TenantFiles]], name: str, tenure_home: Path) -> None:
    lake, made = ran
    for files in made:
        with lake.duck() as duck:
            for table in ("sessions", "usage_daily"):
                rows = lake.shard("pool").scan(f"silver/product/{table}")
                duck.execute(f"CREATE VIEW {table} AS SELECT * FROM {rows}")
            source = f"read_csv('{files.truth / name}', header = true, sample_size = -1)"
            duck.execute(f"CREATE TABLE truth AS SELECT * FROM {source}")
            truth, computed = (query.format(tenant=files.slug) for query in _COMPARED[name])
            missing = duck.execute(f"({truth}) EXCEPT ALL ({computed}) ORDER BY ALL LIMIT 5").fetchall()
            invented = duck.execute(f"({computed}) EXCEPT ALL ({truth}) ORDER BY ALL LIMIT 5").fetchall()
        assert (missing, invented) == ([], []), (files.slug, name)
