import segment.analytics as analytics

analytics.write_key = "KEY_THAT_SHIPPED"  # as it was
analytics.host = "https://collector.example.com"  # new

analytics.track("u1", "Moved")
analytics.shutdown()
