{{ engagement_by_period('month', 'month') }}
