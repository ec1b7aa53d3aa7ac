import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"

analytics.alias("before", "u1")  # the old name, then the new one

analytics.shutdown()  # sends what still waits
