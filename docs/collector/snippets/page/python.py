import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"

analytics.page(
    "u1",
    "Docs",
    "Pricing",
    {"url": "https://example.com/pricing"},
)

analytics.shutdown()  # sends what still waits
