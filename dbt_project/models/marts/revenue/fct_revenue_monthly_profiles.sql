-- A profile is the last step of its chain; equal readings share a ledger.
with profiles as (
    select tenant_id, chain as profile, arg_max(ledger, step) as ledger
    from {{ ref('int_named_ledgers') }}
    where chain <> 'restatement'
    group by all
)

select profiles.profile, months.* exclude (ledger)
from profiles
inner join {{ ref('int_revenue_monthly') }} as months using (tenant_id, ledger)
