"""Copies of published records have the columns of the models' contracts, which are those that homes have already."""

from __future__ import annotations

import duckdb

from orchestration.gold import history

AMOUNT = "DECIMAL(38,12)"


def columns(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in connection.execute(f"describe control.{table}").fetchall()}


def test_a_copy_has_the_columns_that_it_has_in_every_home() -> None:
    connection = duckdb.connect()
    connection.execute("create schema control")
    history.create(connection)
    texts = dict.fromkeys(("tenant_id", "subscription_id", "account_id", "plan", "currency", "interval"), "VARCHAR")
    days = dict.fromkeys(("start_date", "end_date", "canceled_date"), "DATE")
    assert columns(connection, "published_subscriptions") == {
        **texts,
        **days,
        "amount": AMOUNT,
        "list_amount": AMOUNT,
        "interval_count": "BIGINT",
        "status": "VARCHAR",
    }
    texts = dict.fromkeys(("tenant_id", "invoice_line_id", "account_id", "currency", "plan"), "VARCHAR")
    days = dict.fromkeys(("issued_date", "period_start", "period_end"), "DATE")
    assert columns(connection, "published_invoices") == {**texts, **days, "amount": AMOUNT, "is_counted": "BOOLEAN"}
    texts = dict.fromkeys(("tenant_id", "from_currency", "to_currency"), "VARCHAR")
    assert columns(connection, "published_exchange_rates") == {**texts, "date": "DATE", "rate": AMOUNT}
    texts = dict.fromkeys(("tenant_id", "object"), "VARCHAR")
    assert columns(connection, "published_as_of") == {**texts, "as_of": "DATE", "is_told": "BOOLEAN"}


def test_making_the_copies_again_keeps_what_they_hold() -> None:
    connection = duckdb.connect()
    connection.execute("create schema control")
    history.create(connection)
    connection.execute("insert into control.published_as_of values ('acme', 'invoices', date '2024-01-31', true)")
    history.create(connection)
    assert connection.execute("select count(*) from control.published_as_of").fetchall() == [(1,)]
