"""Schema `control` is told once (control.sql): what dbt says of its tables follows, and a run makes them as told."""

from __future__ import annotations

import re

import duckdb
import yaml

from orchestration.gold import control
from orchestration.gold.plan import Plan
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake.lake import Lake


def comments() -> dict[str, str]:
    """Table of control.sql → the comment above it, as one line."""
    matches = re.findall(r"((?:^--.*\n)+)create .*?table .*?control\.(\w+)", control.SCHEMA.read_text(), re.MULTILINE)
    return {table: re.sub(r"^-- ", "", comment, flags=re.MULTILINE).strip() for comment, table in matches}


def sources() -> dict[str, str]:
    """Table of dbt's source `control` → its description."""
    path = gold_models.PROJECT / "models" / "sources" / "control.yml"
    (source,) = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
    return {table["name"]: table["description"] for table in source["tables"]}


def build_database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    control.create(connection)
    return connection


def tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    rows = connection.execute("select table_name from duckdb_tables() where schema_name = 'control'").fetchall()
    return {name for (name,) in rows}


def test_dbts_source_says_of_a_table_what_the_comment_above_it_says() -> None:
    texts = comments()
    for table, description in sources().items():
        if table in texts:
            assert description == texts[table].replace("\n", " "), table


def test_dbts_source_holds_the_tables_that_sql_reads_and_no_other() -> None:
    texts = [path.read_text(encoding="utf-8") for path in gold_models.PROJECT.rglob("*.sql")]
    read = {name for text in texts for name in re.findall(r"source\('control',\s*'(\w+)'", text)}
    # Three are named by the kind of their records.
    read = {name for name in read if name != "published_"}
    read |= {f"published_{records}" for records in ("subscriptions", "invoices", "exchange_rates")}
    assert set(sources()) == read


def test_every_table_of_the_schema_has_a_comment_but_the_copies_of_what_was_published(tenure_home: object) -> None:
    connection = build_database()
    copies = {name for name in tables(connection) if name.startswith("published")} | {"restatements"}
    control.prepare(connection, Lake().shard("pool"), [], Plan(1, "d"), publications=[], audit_whole=[])
    assert tables(connection) - copies == set(comments())
    assert set(sources()) <= tables(connection)
    for table, comment in comments().items():
        assert comment.startswith("One row"), table


def test_what_is_kept_stays_and_what_a_run_has_to_do_is_made_anew(tenure_home: object) -> None:
    connection = build_database()
    first = Plan(1, "d", tenants={"acme"}, ranges={"acme": [(control.BEGINNING, control.END)]})
    control.prepare(connection, Lake().shard("pool"), [], first, publications=[], audit_whole=["acme"])
    connection.execute("insert into control.consumed values ('silver/product/events', 7)")
    control.create(connection)
    control.prepare(connection, Lake().shard("pool"), [], Plan(2, "d"), publications=[], audit_whole=[])
    assert connection.execute("select address, version from control.consumed").fetchall() == [
        ("silver/product/events", 7)
    ]
    assert connection.execute("select run, definition, has_revenue from control.run").fetchall() == [(2, "d", False)]
    for table in ("touched", "touched_tenants", "touched_revenue", "versions", "audit_extra"):
        assert connection.execute(f"select count(*) from control.{table}").fetchall() == [(0,)], table
