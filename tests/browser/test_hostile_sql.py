"""No way through Superset to a foreign row, a file or a write: SQL Lab and the chart-data API as an analyst's.

All statements of support/hostile/statements.py take SQL Lab minutes; CI asks the first of each kind and more by lot.
TENURE_HOSTILE=all asks every one.
"""

from __future__ import annotations

import os
import random
from typing import Any

import httpx
import pytest

from tests.browser.conftest import ANALYST, Superset
from tests.support.hostile import growth as hostile_size
from tests.support.hostile import statements as hostile
from tests.support.worlds import serving as world

pytestmark = [pytest.mark.superset, pytest.mark.slow]

EVERY = [sql for listed in hostile.ALL.values() for sql in listed]
# Superset asks another question instead: it splits a text into statements, each of which the guard judges, and puts its
# own LIMIT in place of one that is no number.
HARMLESS = {"select 1; select 2", "select 1 limit (select size from read_text('/etc/passwd'))"}
LOT = [*(listed[0] for listed in hostile.ALL.values()), *random.Random(4).sample(EVERY, 60)]
CASES = list(dict.fromkeys(EVERY if os.environ.get("TENURE_HOSTILE") == "all" else LOT))
# What must stand in no answer: a file's text, a neighbour's rows, our own code.
FORBIDDEN = ("root:", "Traceback", 'File \\"/', *world.foreign_words(world.GREEN))


def refused(answer: httpx.Response, sent: str) -> str:
    """The message of a refusal; fails where anything was answered or something leaked."""
    assert answer.status_code >= 400, answer.text[:500]
    body = answer.json()
    message = str(body.get("message") or " ".join(error["message"] for error in body["errors"]))
    assert message.strip()
    # A refusal may quote the statement, which names the neighbour.
    leaked = [word for word in FORBIDDEN if word in answer.text and word not in sent]
    assert not leaked, (leaked, answer.text[:500])
    return message


@pytest.mark.parametrize("sql", CASES, ids=lambda sql: repr(sql[:70]))
def test_sql_lab_refuses_a_hostile_statement_and_says_why(superset: Superset, sql: str) -> None:
    statement = hostile.fill(sql, superset.home)
    before = sorted((superset.home / "published").rglob("*"))
    answer = superset.sql(ANALYST, statement)
    if sql in HARMLESS:
        assert answer.json()["data"] in ([{"1": 1}], [{"2": 2}])
    else:
        refused(answer, statement)
    assert sorted((superset.home / "published").rglob("*")) == before


EXPRESSIONS = [
    "getenv('HOME')",
    "current_setting('memory_limit')",
    "(select max(content) from read_text('/etc/passwd'))",
    "(select count(*) from duckdb_settings())",
    "max((select count(*) from published_0.marts.trust))",
    "count(*) from marts.trust; drop table marts.trust; --",
    "count(*)) from read_text('/etc/passwd') --",
    "length(" + "hex(" * 60 + "'x'" + ")" * 60 + ")",
]


@pytest.mark.parametrize("place", ["metric", "column", "filter", "having"])
@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda sql: sql[:50])
def test_a_chart_query_takes_no_hostile_expression(superset: Superset, expression: str, place: str) -> None:
    metric = {"expressionType": "SQL", "sqlExpression": expression, "label": "m"}
    changes: dict[str, Any] = {
        "metric": {"columns": [], "metrics": [metric]},
        "column": {"columns": [{"sqlExpression": expression, "label": "c", "expressionType": "SQL"}], "metrics": []},
        "filter": {"extras": {"where": f"{expression} is not null"}},
        "having": {"extras": {"having": f"{expression} is not null"}, "metrics": ["events"], "columns": ["date"]},
    }[place]
    answer = superset.query(ANALYST, "dau", force=True, time_offsets=[], **changes)
    refused(answer, expression)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        (hostile_size.ENDLESS[0], "longer than 15 s"),
        ("select list(range(1000000)) from fct_product_engagement_daily", "memory limit of 200MB"),
    ],
)  # fmt: skip
def test_a_statement_past_a_limit_is_cut_off_and_the_next_one_works(superset: Superset, sql: str, why: str) -> None:
    assert why in refused(superset.sql(ANALYST, sql), sql)
    answer = superset.sql(ANALYST, "select count(*) as accounts from dim_accounts")
    assert answer.json()["data"] == [{"accounts": 24}]
