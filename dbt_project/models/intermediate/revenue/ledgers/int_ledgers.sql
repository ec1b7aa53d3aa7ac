-- One row per tenant and ledger that its records are read into: the policy values, and the basis they are read from.
select distinct tenant_id, ledger, basis, {{ revenue_values() | join(', ') }}
from {{ ref('int_named_ledgers') }}
where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
