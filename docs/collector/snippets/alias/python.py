import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"

# The old name, then the new one.
analytics.alias("before", "u1")

analytics.shutdown()  # sends what still waits
