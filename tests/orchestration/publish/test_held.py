"""Held tenants in depth: several at once, for days, while the marts move on; each mended in its own way.

One story in five runs, because a run of dbt takes seconds: each test asks what one of its days left behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboards.files import Assets
from orchestration.gold.build import run_gold
from orchestration.gold.result import GoldResult
from orchestration.publish.held import HeldTenant, held_tenants
from orchestration.publish.publish import publish
from serving.opening import open_serving
from serving.principal import ALL, Principal
from tests.support.projects import Projects
from tests.support.worlds.silver import SilverWorld
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.published.manifest import Manifest

pytestmark = pytest.mark.slow

TENANTS = ("acme", "bolt", "cord", "dart")
DAILY = "fct_product_engagement_daily"
GROWTH = "some accounts grow faster than anything can"
# A check that a setting decides: without enough events before, there is no trend.
CHECK = f"""    data_tests:
      - holds:
          name: trends_are_credible
          description: {GROWTH}
          arguments: {{condition: "coalesce(usage_trend_28d, 0) <= 1", scope_column: date}}
"""
COLUMN = """      - name: quiet_share
        data_type: double
        description: "Share of quiet users (ratio 0 to 1); null: unknown."
    data_tests:
"""
THEMES = """version: 2
models:
  - name: dim_themes
    description: One row per theme. A mart that came while tenants were held.
    config:
      meta: {subject: the list of themes, slices: int_touched_tenants, owner: data, key: [tenant_id, theme]}
    columns:
      - {name: tenant_id, data_type: varchar, description: Tenant; never null.}
      - {name: theme, data_type: varchar, description: Theme; never null.}
"""
THEMES_SQL = """select tenant_id, feature as theme from {{ ref('dim_features') }}
where tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
"""
# The share is wrong for one tenant: it fell red by a definition, and a definition mends it.
WRONG, RIGHT = "if(tenant_id = 'dart', 2, 0.5)::double", "0.5::double"


@dataclass
class Day:
    """What one run left: verdicts, the manifest, a digest of every tenant's file, rows of every mart."""

    result: GoldResult
    manifest: Manifest
    digests: dict[str, str]
    rows: dict[str, dict[str, list[Any]]]
    held: dict[str, HeldTenant]
    notes: dict[str, Any] = field(default_factory=dict)


def rows_of(path: Path) -> dict[str, list[Any]]:
    """Sorted rows of every mart of a published file but `trust`, which tells of the publication itself."""
    connection = duck.connect(path, read_only=True)
    try:
        return {
            name: connection.execute(f"from marts.{name} order by all").fetchall()
            for name in gold_models.marts()
            if name != "trust"
        }
    finally:
        connection.close()


def run(lake: Lake, **options: Any) -> Day:
    """Gold and publication of the pool."""
    result = run_gold(lake, "pool", **options)
    assert result.error is None, result.error
    publish(lake, "pool", result.verdicts)
    root = home.published_root()
    manifest = Manifest.read(root)
    assert manifest is not None
    files = {slug: manifest.file_of(root, slug) for slug in manifest.tenants}
    there = {slug: path for slug, path in files.items() if path is not None}
    return Day(
        result,
        manifest,
        {slug: hashlib.sha256(path.read_bytes()).hexdigest() for slug, path in there.items()},
        {slug: rows_of(path) for slug, path in there.items()},
        {each.tenant: each for each in held_tenants(manifest)},
    )


def impossible(tenant: str, day: date) -> dict[str, Any]:
    """A row of usage with more active events than events."""
    return {
        "tenant_id": tenant, "date": day, "account_id": "a", "user_id": "u", "feature": "g", "events": 1,
        "qualifying_events": 9, "month": day.replace(day=1),
    }  # fmt: skip


def ask(principal: Principal | str, sql: str) -> list[tuple[Any, ...]]:
    """An answer as a user gets it."""
    with open_serving(principal) as serving:
        return serving.execute(sql).rows()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Day]]:
    """Five runs. 2: bolt red by its data, cord by a setting. 3: the marts move on, dart red by their definition."""
    folder = tmp_path_factory.mktemp("held")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TENURE_HOME", str(folder / "home"))
            patch.delenv("TENURE_LAKE", raising=False)
            projects = Projects(folder, patch)
            projects.change(("fct_account_engagement_daily.yml", "    data_tests:\n", CHECK))
            lake = Lake()
            catalog, world, days = Catalog(lake), SilverWorld(lake, "pool"), {}
            for tenant in TENANTS:
                catalog.add_tenant(tenant, settings={"trend_min_events": 1} if tenant == "cord" else None)
                for day in range(1, 4):
                    world.event(tenant, f"2024-01-0{day} 10:00", user="u", account="a", feature="f")
            world.commit()
            days[1] = run(lake)

            for tenant in TENANTS:
                for minute in range(9 if tenant == "cord" else 1):
                    world.event(tenant, f"2024-02-05 10:{minute:02}", user="u", account="a", feature="f")
            world.extra_rows["silver/product/usage_daily"].append(impossible("bolt", date(2024, 2, 5)))
            world.commit()
            days[2] = run(lake)

            projects.change(
                (f"{DAILY}.sql", "as dau_mau_ratio", f"as dau_mau_ratio,\n    {WRONG} as quiet_share"),
                (f"{DAILY}.sql", "coalesce(sessions.sessions, 0) as", "coalesce(sessions.sessions, 0)::double as"),
                (f"{DAILY}.yml", "{name: sessions, data_type: bigint", "{name: sessions, data_type: double"),
                (f"{DAILY}.yml", "    data_tests:\n", COLUMN),
                new={"dim_themes.sql": THEMES_SQL, "dim_themes.yml": THEMES},
            )
            for tenant in ("bolt", "cord"):
                world.event(tenant, "2024-02-06 10:00", user="v", account="b", feature="f")
            world.commit()
            days[3] = run(lake)
            days[3].notes = served()

            world.extra_rows.clear()
            world.event("bolt", "2024-02-07 10:00", user="u", account="a", feature="f")
            world.commit()
            catalog.set_tenant("cord", trend_min_events=1000)
            days[4] = run(lake)

            projects.change((f"{DAILY}.sql", WRONG, RIGHT))
            days[5] = run(lake)
            yield days
    finally:
        # Also where a run above failed: every later test of this worker would read the changed marts.
        Projects.forget()


def served() -> dict[str, Any]:
    """What users get while three tenants are held under a schema that moved on."""
    newest = f"select tenant_id, max(date)::text, max(quiet_share), max(sessions) from {DAILY} group by 1 order by 1"
    dashboards: dict[str, int] = {}
    for tenant in TENANTS:
        with open_serving(tenant) as serving:
            for name, dataset in Assets.read().datasets.items():
                sql = dataset.sql or f"select * from marts.{name}"
                dashboards[f"{tenant} {name}"] = len(serving.execute(sql).columns)
    return {
        "columns": {tenant: _columns(tenant) for tenant in TENANTS},
        "newest": {tenant: ask(tenant, newest) for tenant in TENANTS},
        "several": ask(Principal.of("acme", "bolt"), newest),
        "all": ask(ALL, newest),
        "events": ask(ALL, "select tenant_id, count(*) from fct_events group by 1 order by 1"),
        "themes": ask(ALL, "select tenant_id, theme from dim_themes order by 1"),
        "tile": ask("bolt", Assets.read().datasets["data_status"].sql or ""),
        "dashboards": dashboards,
    }


def _columns(tenant: str) -> dict[str, list[tuple[str, str]]]:
    with open_serving(tenant) as serving:
        return {name: serving.columns(name) for name in serving.relations()}


def today() -> str:
    now = datetime.now(UTC)
    return f"{now.day} {now:%b %Y}"


def test_several_are_red_at_once_each_for_its_own_reason(story: dict[int, Day]) -> None:
    assert all(verdict.green for verdict in story[1].result.verdicts.values())
    held = story[2].held
    assert set(held) == {"bolt", "cord"}
    assert held["bolt"].reason == (
        f"Held since {today()}: some users show impossible usage, such as more active events than events; "
        "figures are of 3 Jan 2024"
    )
    assert held["cord"].reason == f"Held since {today()}: {GROWTH}; figures are of 3 Jan 2024"
    assert [check.check for check in held["cord"].checks] == ["trends_are_credible"]
    assert "gold/fct_account_engagement_daily" in held["cord"].next_step


def test_a_file_changes_by_its_own_tenants_news_only(story: dict[int, Day]) -> None:
    entries = {number: day.manifest.tenants for number, day in story.items()}
    assert {slug: publication.version for slug, publication in entries[2].items()} == dict.fromkeys(TENANTS, 2)
    for slug in ("bolt", "cord"):
        assert story[2].rows[slug] == story[1].rows[slug], "the last good figures"
    for slug in ("acme", "dart"):
        assert entries[4][slug] == entries[3][slug], "nothing of it moved on day 4"
        assert story[4].digests[slug] == story[3].digests[slug]


def test_a_hold_of_several_runs_keeps_its_beginning_and_its_figures(story: dict[int, Day]) -> None:
    for slug in ("bolt", "cord"):
        first, later = story[2].manifest.tenants[slug], story[3].manifest.tenants[slug]
        assert later.held_since == first.held_since and later.held_reason == first.held_reason
        assert (later.data_through, later.figures_at) == (date(2024, 1, 3), first.figures_at)
        assert later.judged > first.judged > later.run, "the newer data was looked at too"
    assert (
        story[3]
        .held["dart"]
        .reason.endswith(": in daily usage, some shares lie below 0 % or above 100 %; figures are of 5 Feb 2024")
    )


def test_an_old_file_answers_the_queries_and_dashboards_of_the_schema_that_moved_on(story: dict[int, Day]) -> None:
    notes = story[3].notes
    assert len({repr(columns) for columns in notes["columns"].values()}) == 1, "one schema for everybody"
    assert ("quiet_share", "DOUBLE") in notes["columns"]["bolt"][DAILY]
    assert notes["newest"] == {
        "acme": [("acme", "2024-02-05", 0.5, 1.0)],
        "bolt": [("bolt", "2024-01-03", None, 1.0)],
        "cord": [("cord", "2024-01-03", None, 1.0)],
        "dart": [("dart", "2024-02-05", None, 1.0)],
    }
    assert notes["several"] == [row for slug in ("acme", "bolt") for row in notes["newest"][slug]]
    assert notes["all"] == [row for slug in TENANTS for row in notes["newest"][slug]]
    assert notes["events"] == [("acme", 4), ("bolt", 3), ("cord", 3), ("dart", 4)], "pinned to what was audited"
    assert notes["themes"] == [("acme", "f")], "a new mart is empty where it was never computed"
    assert len(notes["dashboards"]) == len(TENANTS) * len(Assets.read().datasets)
    assert story[3].held["bolt"].reason in notes["tile"][0], "the tile says it as it is"


def test_new_data_and_a_setting_mend_and_bring_the_rows_of_a_full_refresh(story: dict[int, Day]) -> None:
    assert set(story[4].held) == {"dart"} and not story[4].result.full
    assert story[5].result.full, "the changed definition computes everything anew"
    for slug in ("bolt", "cord"):
        assert story[4].rows[slug] == story[5].rows[slug], slug
        mended = story[4].manifest.tenants[slug]
        assert (mended.is_held, mended.held_since, mended.failed_checks) == (False, None, ())
    assert max(row[1] for row in story[4].rows["bolt"][DAILY]) == date(2024, 2, 7)


def test_a_mended_definition_publishes_whom_the_old_one_held(story: dict[int, Day]) -> None:
    assert story[5].held == {}
    shares = {row[-1] for slug in TENANTS for row in story[5].rows[slug][DAILY]}
    assert shares == {0.5}
    assert ask(ALL, "select count(*) from trust where is_held or held_reason is not null") == [(0,)]
    assert ask(ALL, f"select count(distinct tenant_id), sum(sessions) from {DAILY}") == [(4, 19.0)]
