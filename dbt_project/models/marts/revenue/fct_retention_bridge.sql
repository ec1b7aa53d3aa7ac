-- From the tenant's own reading to a profile's, one policy after the other: the accounts whose part in NRR differs between
-- the ledgers before and after. NRR is kept / base; with N0, D0 of the own reading and D of the profile's, a case adds
-- (kept difference - N0 / D0 x base difference) / D, and over all cases that is N / D - N0 / D0, whatever the order.
with steps as (
    select
        tenant_id, chain as profile, step, what as policy, ledger,
        lag(ledger) over (partition by tenant_id, chain order by step) as ledger_before
    from {{ ref('int_named_ledgers') }}
    where chain not in ('default', 'restatement')
        and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

bases as (
    select
        tenant_id, ledger, month, look_back, account_id, before_old as base_minor, after_old as kept_minor
    from {{ ref('int_month_accounts') }}
    where paid_before and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

totals as (
    select tenant_id, ledger, month, look_back, sum(base_minor) as base_minor, sum(kept_minor) as kept_minor
    from bases
    group by all
),

profiles as (
    select tenant_id, profile, arg_max(ledger, step) as ledger
    from steps
    group by all
),

sides as (
    select
        steps.tenant_id, steps.profile, steps.step, steps.policy, bases.month, bases.look_back, bases.account_id,
        bases.base_minor as base_before, bases.kept_minor as kept_before, 0 as base_after, 0 as kept_after
    from steps
    inner join bases on steps.tenant_id = bases.tenant_id and steps.ledger_before = bases.ledger
    where steps.ledger <> steps.ledger_before
    union all
    select
        steps.tenant_id, steps.profile, steps.step, steps.policy, bases.month, bases.look_back, bases.account_id,
        0, 0, bases.base_minor, bases.kept_minor
    from steps
    inner join bases on steps.tenant_id = bases.tenant_id and steps.ledger = bases.ledger
    where steps.ledger <> steps.ledger_before
),

cases as (
    select
        tenant_id, profile, step, policy, month, look_back, account_id,
        sum(base_before) as base_before, sum(base_after) as base_after,
        sum(kept_before) as kept_before, sum(kept_after) as kept_after
    from sides
    group by all
)

select
    cases.tenant_id, cases.profile, cases.month, cases.look_back::bigint as look_back_months, cases.step, cases.policy,
    cases.account_id,
    reporting.reporting_currency as currency,
    case
        when cases.base_before = 0 and cases.base_after <> 0 then 'joins the base'
        when cases.base_before <> 0 and cases.base_after = 0 then 'leaves the base'
        when cases.kept_before = 0 and cases.kept_after <> 0 then 'is kept'
        when cases.kept_before <> 0 and cases.kept_after = 0 then 'is lost'
        else 'pays another amount'
    end as change,
    cases.base_before::bigint as base_before_minor, cases.base_after::bigint as base_after_minor,
    cases.kept_before::bigint as kept_before_minor, cases.kept_after::bigint as kept_after_minor,
    (
        (cases.kept_after - cases.kept_before)::hugeint * own.base_minor
        - own.kept_minor::hugeint * (cases.base_after - cases.base_before)
    )::double / (nullif(own.base_minor, 0)::double * nullif(theirs.base_minor, 0)::double) as nrr_effect
from cases
inner join (
    select distinct tenant_id, reporting_currency from {{ ref('int_reporting_rates') }}
) as reporting using (tenant_id)
inner join profiles using (tenant_id, profile)
left join totals as own
    on cases.tenant_id = own.tenant_id and own.ledger = 'default' and cases.month = own.month
    and cases.look_back = own.look_back
left join totals as theirs
    on cases.tenant_id = theirs.tenant_id and profiles.ledger = theirs.ledger and cases.month = theirs.month
    and cases.look_back = theirs.look_back
where cases.base_before <> cases.base_after or cases.kept_before <> cases.kept_after
