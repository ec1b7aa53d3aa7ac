-- The last version of each user of the touched tenants.
select tenant_id, user_id, account_id, email, name, role, created_at, is_deleted
from {{ source('silver_crm', 'users') }}
where is_current and tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
