{{ product_engagement('month', 'month') }}
