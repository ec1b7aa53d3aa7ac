{{ engagement_by_period('week', 'week_start') }}
