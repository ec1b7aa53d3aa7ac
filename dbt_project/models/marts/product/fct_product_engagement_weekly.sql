{{ product_engagement('week', 'week_start') }}
