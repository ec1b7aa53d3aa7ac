"""Silver is exact in any order and any batches: equal to a full refresh, and to METRICS §1 in plain Python."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.histories import PLAN, History, history
from tests.lakes import land_rows, silver, whole
from tests.oracle import silver as oracle
from transforms.definition import order
from transforms.runner import run_transforms
from warehouse_models.catalog import Catalog
from warehouse_models.lake import Lake

HISTORIES = 40
TABLES = {
    "activity": "tenant_id, message_id, user_id, anonymous_id, account_id, event_time, plan_miss",
    "sessions": "tenant_id, user_id, anonymous_id, account_id, started_at, ended_at, session_date, events",
    "usage_daily": "tenant_id, date, account_id, user_id, anonymous_id, feature, events",
}


def expected(tenant: str, told: History, plan: oracle.Plan) -> dict[str, Counter[Any]]:
    messages = oracle.resolve(oracle.deduplicated(told.events), told.users)
    return {
        "activity": Counter(
            (tenant, m.message_id, *ids(m.visitor), m.account, m.at, oracle.plan_miss(m, plan)) for m in messages
        ),
        "sessions": Counter(
            (tenant, *ids(s.visitor), s.account, s.start, s.end, s.start.date(), s.events)
            for s in oracle.sessions(messages)
        ),
        "usage_daily": Counter(
            (tenant, day, account, *ids(visitor), feature, count)
            for (day, account, visitor, feature), count in oracle.usage(messages, plan).items()
        ),
    }


def ids(visitor: tuple[str, str]) -> tuple[str | None, str | None]:
    return (visitor[1], None) if visitor[0] == "user" else (None, visitor[1])


# A seed has nothing to shrink, and a try costs a minute.
@settings(
    max_examples=2,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32))
def test_any_landing_order_gives_the_full_refresh_and_the_oracle(tmp_path_factory: Any, seed: int) -> None:
    folder: Path = tmp_path_factory.mktemp("any_order")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(folder / "tenure"))
        lake, told = Lake(), {f"history{i}": history(seed + i) for i in range(HISTORIES)}
        catalog = Catalog(lake)
        planned = set(list(told)[::2])
        for tenant in told:
            settings = {"tracking_plan": {"version": 1, "events": PLAN}} if tenant in planned else {}
            catalog.add_tenant(tenant, settings=settings)
        for batch in range(3):
            for tenant, one in told.items():
                if one.batches[batch]:
                    report = land_rows(lake, tenant, "events", one.batches[batch], folder / "drop")
                    assert report.quarantined == 0, report
                if one.users and one.users_with_batch == batch:
                    land_rows(lake, tenant, "users", one.users, folder / "drop")
            run_transforms(lake, "pool")
        step_by_step = {address: whole(lake, address) for address in order()}
        again = run_transforms(lake, "pool")
        assert all(result.skipped for result in again), "a run without news changes nothing"

        run_transforms(lake, "pool", full_refresh=True)
        for address, rows in step_by_step.items():
            assert rows == whole(lake, address), f"{address}: step by step differs from a full refresh"

        for name, columns in TABLES.items():
            rows = Counter(silver(lake, f"silver/product/{name}", columns))
            wanted: Counter[Any] = Counter()
            for tenant, one in told.items():
                wanted += expected(tenant, one, PLAN if tenant in planned else None)[name]
            assert rows == wanted, f"{name} differs from METRICS §1"
