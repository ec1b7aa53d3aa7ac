"""A published world for tests of what serves it: a TENURE_HOME with published files, manifest and silver Delta.

Two tenants with the same schema, the same account ids and different names, so that a row of the wrong tenant shows:
`meridian` (green) and `harbor` (held, with a reason). The interface is the folder: what `tenure run` publishes looks
the same, and can take this one's place. A third tenant, `quarry`, is published by the test that wants it (`add`).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import deltalake
import duckdb

from tests.support.worlds import serving_revenue as world_revenue
from warehouse_models.dbt.marts import marts
from warehouse_models.lake import duck
from warehouse_models.published.manifest import AllFile, Manifest
from warehouse_models.published.publication import Publication

DAYS = 200
GREEN, HELD, ADDED = "meridian", "harbor", "quarry"
REASON = "Held since 3 Nov: some users appear twice on one day; figures are of 2 Nov"
NAMES = {
    GREEN: ["Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ironwood", "Juniper", "Kapok",
            "Larch", "Maple", "Nutmeg", "Olive", "Pine", "Quince", "Rowan", "Spruce", "Teak", "Umbrella", "Viburnum",
            "Willow", "Yew"],
    HELD: ["Albatross", "Bittern", "Cormorant", "Dunlin", "Egret", "Fulmar", "Gannet", "Heron", "Ibis", "Jackdaw",
           "Kittiwake", "Loon", "Merganser", "Noddy", "Osprey", "Petrel", "Quail", "Razorbill", "Shearwater", "Tern",
           "Urial", "Vulture", "Whimbrel", "Yellowlegs"],
    ADDED: ["Agate", "Basalt", "Chalk", "Dolomite", "Emery", "Flint", "Gneiss", "Hematite", "Jade", "Kaolin",
            "Limestone", "Marble", "Novaculite", "Obsidian", "Pumice", "Quartz", "Rhyolite", "Slate", "Tuff", "Ulexite",
            "Variscite", "Wacke", "Xenolith", "Zircon"],
}  # fmt: skip
SUFFIXES = ["Logistics", "Health", "Foods", "Energy", "Software", "Partners"]
CSMS = {
    GREEN: ["Ines Moreau", "Tomasz Zielinski", "Priya Nair"],
    HELD: ["Owen Clarke", "Freya Lund", "Kofi Mensah"],
    ADDED: ["Aiko Tanaka", "Luis Ortega", "Marta Nowak"],
}
FEATURES = ["Dashboards", "Reports", "Alerts", "Integrations", "Exports", "Permissions", "API", "Mobile"]
LAST_DAY = dt.datetime.now(dt.UTC).date()


def account_names(tenant: str) -> list[str]:
    """Display names of a tenant's accounts; no name is shared between tenants."""
    return [f"{name} {SUFFIXES[index % len(SUFFIXES)]}" for index, name in enumerate(NAMES[tenant])]


def foreign_words(tenant: str) -> list[str]:
    """Words that a user of `tenant` must never see: the other tenant's accounts, people, slug and reason."""
    other = HELD if tenant == GREEN else GREEN
    return [*account_names(other), *CSMS[other], other, f"{other}-only"]


def build(home: Path) -> Path:
    """Write the world below `home` and return it."""
    published = home / "published"
    tenants, now = {}, dt.datetime.now(dt.UTC).replace(microsecond=0)
    silver = _silver(home)
    for tenant in (GREEN, HELD):
        _tenant_file(published / tenant / "1.duckdb", tenant, silver, now)
        tenants[tenant] = _entry(tenant, 1, now)
    _all_file(published / "_all" / "1.duckdb", published)
    tables = {"pool": {"silver/product/events": 1, "silver/product/sessions": 1}}
    Manifest(1, now, tenants, AllFile("_all/1.duckdb", 1), tables).write(published)
    return home


def add(home: Path, has_billing: bool) -> Manifest:
    """Publish the third tenant, alone, once more; the manifest that was present before, to be written back."""
    published = home / "published"
    before = Manifest.read(published)
    assert before is not None
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    # A published file never changes: what is served may have it open, also after the manifest was written back.
    version = len(list((published / ADDED).glob("*.duckdb"))) + 1
    _tenant_file(published / ADDED / f"{version}.duckdb", ADDED, _events(home), now, has_billing)
    tenants = dict(before.tenants) | {ADDED: _entry(ADDED, version, now, has_billing)}
    Manifest(before.number + 1, now, tenants, before.all, before.tables).write(published)
    return before


def _entry(tenant: str, version: int, now: dt.datetime, has_billing: bool = True) -> Publication:
    return Publication(
        shard="pool",
        file=f"{tenant}/{version}.duckdb",
        version=version,
        published_at=now,
        figures_at=now,
        is_held=tenant == HELD,
        held_reason=REASON if tenant == HELD else None,
        checks_failed=int(tenant == HELD),
        data_through=LAST_DAY,
        revenue_through=LAST_DAY if has_billing else None,
    )


def _events(home: Path) -> Path:
    return home / "lake" / "shards" / "pool" / "silver" / "product" / "events"


def _silver(home: Path) -> Path:
    """Two versions of events for both tenants in one Delta table: views are pinned to version 1."""
    uri = _events(home)
    for version in (0, 1, 2):
        with duckdb.connect() as connection:
            rows = connection.execute(
                f"""select tenant_id, tenant_id || '-only-{version}-' || n as message_id, 'track' as type,
                       'report viewed' as event, 'u' || n as user_id, 'a' || n as account_id,
                       timestamptz '2026-01-01 00:00:00+00' + interval (n) hour as event_time
                    from (values ('{GREEN}'), ('{HELD}')) as tenants(tenant_id), range(50) as numbers(n)"""
            ).to_arrow_table()
        deltalake.write_deltalake(str(uri), rows, mode="append", partition_by=["tenant_id"])
    return uri


def _tenant_file(path: Path, tenant: str, silver: Path, now: dt.datetime, has_billing: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duck.connect(path)
    try:
        connection.execute("create schema marts")
        _make(connection, tenant, now, has_billing)
        for name, mart in marts().items():
            wanted = {column.name for column in mart.spec.columns}
            if name == "fct_events":
                source = f"{duck.delta_scan(silver, 1)} where tenant_id = '{tenant}'"
                connection.execute(f"create view marts.fct_events as select * from {source}")
                continue
            had = _columns(connection, name)
            assert had <= wanted, f"{name}: the contract has no {had - wanted}"
            parts = ", ".join(
                f'{c.name if c.name in had else "null"}::{c.duckdb_type} as "{c.name}"' for c in mart.spec.columns
            )
            source = f"made.{name}" if had else "(select 1 where false)"
            connection.execute(f"create table marts.{name} as select {parts} from {source}")
        connection.execute("drop schema made cascade")
    finally:
        connection.close()


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> set[str]:
    """Columns that the world has figures for; empty where it has none for the mart."""
    sql = "select column_name from duckdb_columns() where schema_name = 'made' and table_name = ?"
    return {column for (column,) in connection.execute(sql, [name]).fetchall()}


def _make(connection: duckdb.DuckDBPyConnection, tenant: str, now: dt.datetime, has_billing: bool) -> None:
    """Plausible figures: accounts that grow, shrink, sleep; weekdays above weekends; features of different weight."""
    segments = ["Enterprise", "Mid-market", "Growth", "Starter"]
    connection.execute("create schema made")
    connection.execute("set variable last_day = ?::date", [LAST_DAY])
    rows = [
        (tenant, f"a{n}", name, segments[min(3, n * 4 // 24)], CSMS[tenant][n % 3], 240 // (n + 3) + 6, n)
        for n, name in enumerate(account_names(tenant))
    ]
    connection.execute(
        """create table made.accounts (
               tenant_id text, account_id text, name text, segment text, csm text, seats int, n int
           )"""
    )
    connection.executemany("insert into made.accounts values (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute(
        """create table made.dim_accounts as
           select tenant_id, account_id, timestamptz '1900-01-01 00:00:00+00' as valid_from, true as is_current, name,
               segment, csm, seats as licensed_seats, false as is_deleted, false as is_inferred,
               getvariable('last_day') + (17 * (n + 1)) as renewal_date
           from made.accounts"""
    )
    seed = 11 if tenant == GREEN else 29
    connection.execute(
        f"""create table made.days as
            select tenant_id, account_id, n, seats, day::int as d,
                getvariable('last_day') - {DAYS - 1} + day::int as date,
                [4.0, 1.25, 1.0, 0.95, 0.35, 1.1][n % 6 + 1] as growth,
                hash(n * 1000 + day + {seed}) % 1000 / 1000.0 as noise
            from made.accounts, range({DAYS}) as days(day)"""
    )
    connection.execute(
        f"""create table made.fct_account_engagement_daily as
            with shaped as (
                select *,
                    if(n = 22 and d > {DAYS - 60}, 0, if(n = 23, 0.02, 1))
                    * (1 + (growth - 1) * d / {DAYS}.0) * if(dayofweek(date) in (0, 6), 0.22, 1)
                    * (0.85 + 0.3 * noise) as level
                from made.days
            ), counted as (
                select *, round(seats * 0.17 * level)::bigint as active_users,
                    round(seats * 5.5 * level)::bigint as events
                from shaped
            )
            select tenant_id, account_id, date, active_users, events, (events / 6)::bigint as sessions,
                events * 21.0 as session_seconds, least(8, events // 4) as features_used,
                round(1.5 * max(active_users) over week)::bigint as wau,
                round(1.8 * max(active_users) over month)::bigint as mau,
                if(sum(events) over before >= 50, sum(events) over recent / sum(events) over before - 1, null)
                    as usage_trend_28d,
                least(8, events // 4) / 8.0 as feature_breadth_30d,
                1.8 * max(active_users) over month / seats as licence_utilisation, true as has_event_data
            from counted
            window account as (partition by account_id order by date),
                week as (partition by account_id order by date rows 6 preceding),
                month as (partition by account_id order by date rows 29 preceding),
                recent as (partition by account_id order by date rows 27 preceding),
                before as (partition by account_id order by date rows between 55 preceding and 28 preceding)"""
    )
    weights = ", ".join(f"('{feature}', {weight})" for feature, weight in zip(FEATURES, _WEIGHTS, strict=True))
    connection.execute(
        f"""create table made.fct_feature_usage_daily as
            select tenant_id, account_id, feature, date,
                round(events * weight * (0.8 + 0.4 * (hash(feature || date::text || account_id) % 100) / 100.0))::bigint
                    as events,
                greatest(1, round(active_users * weight * 2))::bigint as users
            from made.fct_account_engagement_daily, (values {weights}) as features(feature, weight)
            where events > 0 and not (feature = 'Mobile' and date < getvariable('last_day') - 70)"""
    )
    connection.execute(
        """create table made.fct_product_engagement_daily as
           with daily as (
               select tenant_id, date, sum(active_users) as dau, round(sum(wau) * 0.98)::bigint as wau,
                   round(sum(mau) * 0.97)::bigint as mau, count(*) filter (where events > 0) as active_accounts,
                   0 as anonymous_visitors, sum(events) as events, sum(sessions) as sessions
               from made.fct_account_engagement_daily group by all
           )
           select *, if(row_number() over (order by date) < 30, null,
               avg(dau) over (order by date rows 29 preceding) / mau) as stickiness, dau / mau as dau_mau_ratio
           from daily"""
    )
    if has_billing:
        world_revenue.make(connection)
    held = tenant == HELD
    connection.execute(
        """create table made.trust as select ? as tenant_id, 1 as published_version, ?::timestamptz as published_at,
           getvariable('last_day') as data_through, ? as checks_failed, 0.97 as coverage, ? as is_held,
           ? as held_reason, if(?, getvariable('last_day'), null) as revenue_through""",
        [tenant, now, int(held), held, REASON if held else None, has_billing],
    )


_WEIGHTS = [0.31, 0.2, 0.14, 0.11, 0.09, 0.06, 0.05, 0.04]


def _all_file(path: Path, published: Path) -> None:
    """All tenants: here a union of their files' tables, with the columns in the same order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duck.connect(path)
    try:
        connection.execute("create schema marts")
        for tenant in (GREEN, HELD):
            connection.execute(f"attach '{published / tenant / '1.duckdb'}' as {tenant} (read_only)")
        for name in marts():
            connection.execute(
                f"create table marts.{name} as from {GREEN}.marts.{name} union all by name from {HELD}.marts.{name}"
            )
    finally:
        connection.close()
