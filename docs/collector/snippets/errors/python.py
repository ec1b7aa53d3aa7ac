import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"
analytics.max_retries = 10


def not_delivered(error, events):
    print(f"{len(events)} events were lost: {error}")


analytics.on_error = not_delivered

analytics.track("u1", "Report Created")
analytics.shutdown()
