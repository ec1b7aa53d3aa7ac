"""The ledger of one large tenant, accounts x years of daily MRR: its first build, a day more, one corrected record.

Contracts are synthetic, from a fixed seed: three currencies with monthly rates, weekly and yearly prices among monthly
ones, price changes, pauses, past-due spells, losses and returns. All profiles, bridges and checks are part of a run.
"""

from __future__ import annotations

import csv
import os
import resource
import shutil
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from bench.path import machine, run_path, say, total
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake

TENANT, START = "large", date(2021, 1, 1)
_INTERVALS = [("month", 1), ("month", 12), ("week", 52), ("year", 1)]


def compare(folder: Path, *, accounts: int = 5000, years: int = 5) -> str:
    """The table of one run as Markdown."""
    os.environ["TENURE_HOME"] = str(folder / "home")
    shutil.rmtree(folder / "home", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    lake, last = Lake(), START.replace(year=START.year + years) - timedelta(days=1)
    Catalog(lake).add_tenant(TENANT, settings={"reporting_currency": "EUR"})
    periods = [row for number in range(accounts) for row in _periods(number, last)]
    landed = _land(lake, folder, "subscriptions", periods, last) + _land(
        lake, folder, "exchange_rates", _rates(last), last
    )
    lines = [f"| landing {len(periods):,} periods and their rates | {landed:.1f} s | | |"]

    def run(what: str) -> None:
        steps = run_path(lake)
        say(f"{what}: {steps}")
        lines.append(f"| {what} | {total(steps):.1f} s | {steps['gold: dbt']:.1f} s | {_peaks()} |")

    run("first run, silver to published")
    rows = _count("marts.fct_mrr_daily")
    more = {**periods[0], "subscription_id": "one_more", "start_date": last, "end_date": None, "status": "active"}
    _land(lake, folder, "subscriptions", [more], last + timedelta(days=1))
    run("a day more, with one contract more")
    middle = periods[len(periods) // 2]
    corrected = {**middle, "amount": middle["amount"] + 1, "updated_at": f"{last}T12:00:00Z"}
    _land(lake, folder, "subscriptions", [corrected], last + timedelta(days=1))
    run("one record corrected")
    say(f"{_count('marts.fct_restatements'):,} restatements, {_count('marts.fct_retention_bridge'):,} cases")
    ledgers = _count("intermediate.int_ledgers")
    return (
        f"{machine()}; {accounts:,} accounts x {years} years: {rows:,} rows of fct_mrr_daily, {ledgers} ledgers\n\n"
        "| run | time | of it dbt, models and tests | peak memory so far (ours + dbt's) |\n|---|---|---|---|\n"
        + "\n".join(lines)
    )


def _periods(number: int, last: date) -> Iterator[dict[str, Any]]:
    """The life of one account: periods of one subscription, each with another price or state."""
    random = Random(f"contracts/{number}")
    interval, factor = random.choice(_INTERVALS)
    common = {
        "subscription_id": f"s{number}",
        "account_id": f"a{number}",
        "plan": random.choice(["basic", "team", "plus"]),
    }
    common |= {"currency": random.choice(["EUR", "EUR", "USD", "GBP"]), "interval": interval}
    day, price = (
        START + timedelta(days=random.randrange((last - START).days)),
        random.randrange(20, 900) * 12 // factor + 1,
    )
    while day <= last:
        state = random.choices(["active", "paused", "past_due"], [90, 5, 5])[0]
        days = random.randrange(20, 60) if state != "active" else random.randrange(60, 420)
        end = day + timedelta(days=days)
        is_over = random.random() < 0.12
        row = {**common, "start_date": day, "amount": price, "status": state, "updated_at": f"{day}T00:00:00Z"}
        yield row | {"end_date": end if is_over or state != "active" else None}
        if is_over and random.random() < 0.6:
            return
        day, price = (
            end + timedelta(days=random.randrange(10, 200) if is_over else 0),
            price * random.randrange(90, 130) // 100 + 1,
        )


def _rates(last: date) -> list[dict[str, Any]]:
    random, rates, day = Random("rates"), [], START
    while day <= last:
        for currency, rate in (("USD", 0.9), ("GBP", 1.15)):
            rates.append(
                {
                    "date": day,
                    "from_currency": currency,
                    "to_currency": "EUR",
                    "rate": round(rate + random.gauss(0, 0.03), 4),
                }
            )
        day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return rates


def _land(lake: Lake, folder: Path, object: str, rows: list[dict[str, Any]], as_of: date) -> float:
    from connectors.landing.land import land

    path = folder / f"{object}-{len(list(folder.glob('*.csv')))}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    clock = time.perf_counter()
    report = land(lake, Catalog(lake), TENANT, object, [path], as_of=f"{as_of}")
    if report.accepted != len(rows):
        raise SystemExit(f"{report.accepted} of {len(rows)} rows landed: {path}")
    return time.perf_counter() - clock


def _count(table: str) -> int:
    connection = duck.connect(home.build_path("pool"), read_only=True)
    try:
        return int(connection.execute(f"select count(*) from {table} where tenant_id = '{TENANT}'").fetchall()[0][0])
    finally:
        connection.close()


def _peaks() -> str:
    """Peak resident memory of this process and of the largest one it has waited for, which is dbt's."""
    own, dbt = (resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return f"{own:.1f} + {dbt:.1f} GB"
