import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"
analytics.max_retries = 10
analytics.on_error = lambda error, events: print(f"{len(events)} events were not delivered: {error}")

analytics.track("u1", "Report Created")
analytics.shutdown()
