-- Every version of an account of the touched tenants.
select
    tenant_id, account_id, name, parent_account_id, segment, industry, country, csm, created_at, renewal_date, currency,
    licensed_seats, is_deleted, valid_from, valid_to, is_current, updated_at
from {{ source('silver_crm', 'accounts') }}
where tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
