import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"
analytics.gzip = True
# What may wait while the collector is away.
analytics.max_queue_size = 50_000

for row in range(250):
    analytics.track("u1", "Row Imported", {"row": row})

# Waits until all are sent, up to 100 in a request.
analytics.flush()
analytics.shutdown()
