-- How far the billing records of the touched tenants go, by what was known (macros/bases.sql): news of it comes with the
-- late records.
select 'now' as basis, tenant_id, object, as_of, is_told
from {{ source('silver_billing', 'as_of') }}
where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
union all
select steps.basis, before.tenant_id, before.object, before.as_of, before.is_told
from {{ source('control', 'published_as_of') }} as before
inner join {{ ref('int_restatement_steps') }} as steps using (tenant_id)
where steps.basis <> 'now' and not steps.is_last
