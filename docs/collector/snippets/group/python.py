import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"

analytics.group(
    "u1",
    "acme",
    {"name": "Acme", "plan": "pro", "seats": 40},
)

analytics.shutdown()  # sends what still waits
