-- Daily usage of the touched slices only: what did not move is in the build database already.
select tenant_id, date, account_id, user_id, anonymous_id, feature, events, qualifying_events
from {{ in_slices(source('silver_product', 'usage_daily'), ref('int_touched'), 'date') }} as usage
