import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"

analytics.track(
    "u1",
    "Report Created",
    {"rows": 12, "format": "csv"},
    context={"groupId": "acme"},
)

analytics.shutdown()  # sends what still waits
