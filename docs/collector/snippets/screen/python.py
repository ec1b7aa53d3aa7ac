import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"

analytics.screen("u1", "Settings", "Appearance", {"theme": "dark"})

analytics.shutdown()  # sends what still waits
