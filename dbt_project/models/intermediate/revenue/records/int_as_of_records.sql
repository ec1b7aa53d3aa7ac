-- How far the billing records of the touched tenants go, by what was known (macros/revenue/bases.sql): news of it comes
-- with the late records.
select 'now' as basis, tenant_id, object, as_of, is_told
from {{ ref('stg_billing__as_of') }}
union all
select steps.basis, before.tenant_id, before.object, before.as_of, before.is_told
from {{ source('control', 'published_as_of') }} as before
inner join {{ ref('int_restatement_steps') }} as steps using (tenant_id)
where steps.basis <> 'now' and not steps.is_last
