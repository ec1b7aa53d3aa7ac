-- The touched ranges within the tenant's data, so that a series of dates can be made of them.
select
    touched.tenant_id,
    greatest(touched.from_date, tenants.first_event_date) as from_date,
    least(touched.to_date, tenants.data_through) as to_date
from {{ ref('int_touched') }} as touched
inner join {{ ref('int_tenants') }} as tenants using (tenant_id)
where touched.from_date <= tenants.data_through and touched.to_date >= tenants.first_event_date
