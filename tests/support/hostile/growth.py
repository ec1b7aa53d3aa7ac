"""Statements that want more time or memory than there is: told by their text, or only by running them."""

from __future__ import annotations

GROWTH = [
    "select length(" + "hex(" * 60 + "'x'" + ")" * 60 + ")",
    "select length(" + "to_json(" * 60 + "'\"'" + ")" * 60 + "::varchar)",
    "select length(a40) from (select 'x' as a0, " + ", ".join(f"a{n}||a{n} as a{n + 1}" for n in range(40)) + ")",
    "with a0 as (select 'x' as s), "
    + ", ".join(f"a{n + 1} as (select concat(s, s) as s from a{n})" for n in range(40))
    + " select length(s) from a40",
    "select length(" + "replace(" * 6 + "'x'" + f", 'x', '{'x' * 64}')" * 6 + ")",
    "select length(" + "regexp_replace(" * 6 + "'x'" + f", 'x', '{'x' * 64}', 'g')" * 6 + ")",
    "select length(replace('" + "x" * 40_000 + "', 'x', '" + "x" * 40_000 + "'))",
    "select length(array_to_string(range(1000000), '" + "x" * 1_000 + "'))",
    "select len(a) from (select [1] as a0), " + ", ".join(f"(select a0||a0 as a{n})" for n in range(40)),
    "select range(1000000000000)",
    "select len(range(1e12::bigint))",
    "select len(generate_series(1, 1000000000000))",
    "select unnest(range(100000000))",
    "select len(list_transform(range(100000), x -> list_transform(range(100000), y -> y)))",
    "select len([y for y in [[z for z in range(10000)] for x in range(10000)]])",
    "select len(generate_series(timestamp '0001-01-01', timestamp '9999-01-01', interval 1 second)) "
    "+ len(generate_series(timestamp '0001-01-01', timestamp '9999-01-01', interval 1 second))",
    "select len(generate_series(timestamp '0001-01-01', timestamp '9999-01-01', interval 1 microsecond))",
    "select unnest(range(timestamp '0001-01-01', now()::timestamp, interval '1 second'))",
    "select unnest(range(timestamp '0001-01-01', now()::timestamp, interval 1 day - interval 86399 second))",
    "select list_reduce([1, 2], (a, b) -> a + b)",
    "select levenshtein(tenant_id, tenant_id) from marts.trust",
    "select damerau_levenshtein('a', 'b')",
    "select lpad(tenant_id, 200, 'a') like '%' || tenant_id || '%a%a%a%a%a%b' from marts.trust",
    "select lpad(tenant_id, 200, 'a') like '%_a%_a%_a%_a%_a%a%a%a%a%a%a%b' from marts.trust",
    "select lpad(tenant_id, 200, 'a') ilike '%a%a%a%a%a%a%a%a%a%a%a%b' from marts.trust",
    "select lpad(tenant_id, 200, 'a') glob '*a*a*a*a*a*a*a*a*a*a*a*b' from marts.trust",
    "select tenant_id ilike held_reason from marts.trust",
    "select tenant_id glob held_reason from marts.trust",
    "select json_object(" + ", ".join(f"'a{n}', json_object('b', tenant_id, 'c', tenant_id)" for n in range(90)) + ")",
]

# What no text betrays: they run, and are cut off by time, by memory, or by the number of rows.
ENDLESS = [
    "with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r",
    "with recursive r(s) as (select 'x' union all select s || s from r) select max(length(s)) from r",
    "select count(*) from fct_feature_usage_daily a, fct_feature_usage_daily b, fct_feature_usage_daily c, dim_dates d "
    "where a.events + b.events + c.events = -1",
    "select * from fct_feature_usage_daily a, fct_feature_usage_daily b order by a.events + b.events, 1, 2, 3, 4",
    "select a.account_id, t.n from dim_accounts a, lateral (select count(*) as n from fct_feature_usage_daily b, "
    "fct_feature_usage_daily c, fct_feature_usage_daily d where b.events + c.events < a.licensed_seats + d.events) t",
    "select list(a.account_id || b.account_id) from fct_feature_usage_daily a, fct_feature_usage_daily b",
    "select string_agg(a.account_id || b.account_id, ',') from fct_feature_usage_daily a, fct_feature_usage_daily b, "
    "dim_accounts c",
    "select count(distinct (a.account_id, b.account_id, a.date, b.date, a.feature, b.feature)) "
    "from fct_feature_usage_daily a, fct_feature_usage_daily b",
]
