-- Dashboards join on is_current: none would hide an account, two would double its figures.
select tenant_id, account_id, count(*) filter (where is_current) as current_rows
from {{ in_scope(ref('dim_accounts')) }} as accounts
group by tenant_id, account_id
having count(*) filter (where is_current) <> 1
