-- Base and kept MRR by account lead exactly from the own reading's to the profile's, and the effects to its NRR.
with profiles as (
    select tenant_id, chain as profile, arg_max(ledger, step) as ledger
    from {{ in_scope(ref('int_named_ledgers')) }} as audited
    where chain not in ('default', 'restatement')
    group by all
),

totals as (
    select
        tenant_id, ledger, month, look_back, sum(before_old) as base_minor, sum(after_old) as kept_minor,
        sum(after_old) / nullif(sum(before_old), 0)::double as nrr
    from {{ in_scope(ref('int_month_accounts')) }} as audited
    where paid_before
    group by all
),

sides as (
    select
        profiles.tenant_id, profiles.profile, totals.month, totals.look_back, -totals.base_minor as base_minor,
        -totals.kept_minor as kept_minor, totals.nrr as own_nrr, null as nrr
    from profiles
    inner join totals on profiles.tenant_id = totals.tenant_id and totals.ledger = 'default'
    union all
    select
        profiles.tenant_id, profiles.profile, totals.month, totals.look_back, totals.base_minor, totals.kept_minor,
        null, totals.nrr
    from profiles
    inner join totals on profiles.tenant_id = totals.tenant_id and profiles.ledger = totals.ledger
),

wanted as (
    select
        tenant_id, profile, month, look_back, sum(base_minor) as base_minor, sum(kept_minor) as kept_minor,
        max(nrr) - max(own_nrr) as effect, abs(max(nrr)) + abs(max(own_nrr)) as size
    from sides
    group by all
),

bridge as (
    select
        tenant_id, profile, month, look_back_months as look_back,
        sum(base_after_minor - base_before_minor) as base_minor,
        sum(kept_after_minor - kept_before_minor) as kept_minor,
        sum(nrr_effect) as effect
    from {{ in_scope(ref('fct_retention_bridge')) }} as audited
    group by all
)

select tenant_id, profile, month, look_back
from wanted
full join bridge using (tenant_id, profile, month, look_back)
where coalesce(wanted.base_minor, 0) <> coalesce(bridge.base_minor, 0)
    or coalesce(wanted.kept_minor, 0) <> coalesce(bridge.kept_minor, 0)
    or abs(coalesce(wanted.effect, 0) - coalesce(bridge.effect, 0)) > 1e-9 * (1 + coalesce(wanted.size, 0))
