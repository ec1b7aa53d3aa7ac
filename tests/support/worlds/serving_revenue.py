"""Revenue of the published world: two years of MRR of its accounts, and the marts that follow from it."""

from __future__ import annotations

import duckdb

MONTHS = 24


def make(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the revenue marts to schema `made`, which has made.accounts (n, seats) and the variable last_day.

    Every account moves on the first of a month. Number 5 leaves and comes back, 11 and 22 leave, from 18 on they begin
    later; the others grow or shrink by number.
    """
    connection.execute(
        f"""create table made.mrr as
            select tenant_id, account_id, n,
                (date_trunc('month', getvariable('last_day')) - to_months({MONTHS - 1} - m::integer))::date as month,
                case
                    when n >= 18 and m < (n - 17) * 3 then 0
                    when (n = 5 and m between 8 and 12) or (n = 11 and m >= 15) or (n = 22 and m >= 21) then 0
                    else round(seats * 2900 * (1 + [0.6, 0.1, 0.0, -0.05, -0.4, 0.25][n % 6 + 1] * (m // 4) / 6.0))
                end::bigint as mrr
            from made.accounts, range({MONTHS}) as months(m)"""
    )
    connection.execute(
        """create table made.steps as
           select *, lag(mrr, 1, 0) over account as before,
               min(month) filter (where mrr > 0) over (partition by tenant_id, account_id) as first_month
           from made.mrr
           window account as (partition by tenant_id, account_id order by month)"""
    )
    connection.execute(
        """create table made.fct_mrr_movements as
           select tenant_id, account_id, month as movement_date,
               case when before = 0 and month = first_month then 'new' when before = 0 then 'reactivation'
                   when mrr = 0 then 'churn' when mrr > before then 'expansion' else 'contraction' end as movement_type,
               mrr - before as delta_minor, before as mrr_before_minor, mrr as mrr_after_minor
           from made.steps
           where mrr <> before"""
    )
    connection.execute(
        """create table made.fct_revenue_monthly as
           with year_before as (
               select now_.*, coalesce(then_.mrr, 0) as base
               from made.steps as now_
               left join made.mrr as then_
                   on now_.account_id = then_.account_id and then_.month = (now_.month - interval 12 month)::date
           )
           select tenant_id, month, 'EUR' as currency, last_day(month) <= getvariable('last_day') as is_complete,
               sum(before)::bigint as opening_minor,
               coalesce(sum(mrr) filter (where before = 0 and month = first_month), 0)::bigint as new_minor,
               coalesce(sum(mrr) filter (where before = 0 and month > first_month), 0)::bigint as reactivation_minor,
               coalesce(sum(mrr - before) filter (where before > 0 and mrr > before), 0)::bigint as expansion_minor,
               coalesce(sum(before - mrr) filter (where mrr > 0 and mrr < before), 0)::bigint as contraction_minor,
               coalesce(sum(before) filter (where mrr = 0), 0)::bigint as churn_minor, 0 as fx_minor,
               sum(mrr)::bigint as closing_minor,
               count(*) filter (where before > 0) as customers_open,
               count(*) filter (where mrr > 0 and before = 0 and month = first_month) as customers_new,
               count(*) filter (where mrr > 0 and before = 0 and month > first_month) as customers_reactivated,
               count(*) filter (where mrr = 0 and before > 0) as customers_churned,
               count(*) filter (where mrr > 0) as customers_close,
               sum(mrr) filter (where base > 0) / nullif(sum(base), 0) as nrr_12m,
               sum(least(mrr, base)) / nullif(sum(base), 0) as grr_12m,
               count(*) filter (where base > 0 and mrr > 0) / nullif(count(*) filter (where base > 0), 0)
                   as logo_retention_12m,
               count(*) filter (where base > 0) as base_customers_12m
           from year_before
           group by tenant_id, month"""
    )
    connection.execute(
        """create table made.fct_retention_cohorts as
           with cohorts as (
               select *, first(mrr) over (partition by tenant_id, account_id order by month) as base
               from made.steps
               where month >= first_month
           )
           select tenant_id, first_month as cohort_month, date_diff('month', first_month, month) as age_months,
               count(*) as customers, count(*) filter (where mrr > 0) as retained_customers,
               sum(base)::bigint as cohort_mrr_minor, sum(mrr)::bigint as retained_mrr_minor
           from cohorts
           group by all"""
    )
    connection.execute(
        """create table made.dim_currencies as
           select distinct tenant_id, 'EUR' as currency, 'Euro' as name, 2 as minor_digits, true as is_reporting
           from made.accounts"""
    )
    _bridges(connection)


def _bridges(connection: duckdb.DuckDBPyConnection) -> None:
    """Profiles that read pauses and past-due contracts otherwise, restated figures, and who moved inside a month.

    strict_finance: 2, 8 and 14 are gone at notice, 6 leaves the base. chartmogul: 11 is kept.
    """
    connection.execute(
        """create table made.fct_retention_bridge as
           with sides as (
               select now_.tenant_id, now_.month, now_.account_id, now_.n, then_.mrr as base, now_.mrr as kept,
                   sum(then_.mrr) over months as own_base, sum(now_.mrr) over months as own_kept
               from made.steps as now_
               inner join made.mrr as then_
                   on now_.account_id = then_.account_id and then_.month = (now_.month - interval 12 month)::date
                   and then_.mrr > 0
               window months as (partition by now_.month)
           ),

           cases as (
               select *, 'strict_finance' as profile, 1 as step, 'churn_recognition' as policy, 'is lost' as change,
                   base as base_after, 0 as kept_after
               from sides where n in (2, 8, 14) and kept > 0
               union all
               select *, 'strict_finance', 2, 'past_due_grace_days', 'leaves the base', 0, 0 from sides where n = 6
               union all
               select *, 'chartmogul', 1, 'paused', 'is kept', base, base from sides where n = 11 and kept = 0
           )

           select tenant_id, profile, month, 12 as look_back_months,
               step, policy, account_id, 'EUR' as currency, change,
               base as base_before_minor, base_after as base_after_minor, kept as kept_before_minor,
               kept_after as kept_after_minor,
               (kept_after - kept - own_kept / own_base * (base_after - base))
               / (own_base + sum(base_after - base) over (partition by profile, month)) as nrr_effect
           from cases"""
    )
    connection.execute(
        """create table made.fct_revenue_monthly_profiles as
           select months.*, 'default' as profile from made.fct_revenue_monthly as months
           union all by name
           select months.* replace (nrr_12m + coalesce(effect, 0) as nrr_12m), profile
           from made.fct_revenue_monthly as months
           cross join (values ('chartmogul'), ('profitwell'), ('strict_finance'), ('thirty_day_month')) as p(profile)
           left join (
               select profile, month, sum(nrr_effect) as effect from made.fct_retention_bridge group by all
           ) as effects using (profile, month)"""
    )
    connection.execute(
        """create table made.fct_restatements as
           select tenant_id, 1 as restated_version, figure, (month - interval 2 month)::date as period,
               'EUR' as currency, cause, before, after, after - before as delta
           from (select tenant_id, max(month) as month from made.fct_revenue_monthly group by all),
               (values ('closing_minor', 'correction', 4127900, 4098900),
                   ('closing_minor', 'late record', 4098900, 4214900),
                   ('customers_close', 'merge', 24, 23), ('nrr_12m', 'late record', 0.9712, 0.9801))
               as told(figure, cause, before, after)"""
    )
    connection.execute(
        """create table made.fct_grain_bridge as
           select tenant_id, account_id, month, movement_type, day_minor, month_minor, 1 as day_movements,
               0 as month_movements
           from made.steps,
               (values ('churn', -58000, 0), ('reactivation', 63800, 0), ('expansion', 0, 5800))
               as told(movement_type, day_minor, month_minor)
           where n in (3, 9, 15) and month = (select max(month) - interval 1 month from made.steps)"""
    )
