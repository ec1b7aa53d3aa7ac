import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"

analytics.identify(
    "u1",
    {"email": "ada@example.com", "plan": "pro"},
    anonymous_id="a1",
)

analytics.shutdown()  # sends what still waits
