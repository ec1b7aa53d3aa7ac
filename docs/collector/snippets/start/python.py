# pip install segment-analytics-python
import segment.analytics as analytics

analytics.write_key = "YOUR_WRITE_KEY"
analytics.host = "https://collector.example.com"

analytics.track("u1", "Report Created", {"rows": 12})

# At the end of the program: sends what still waits.
analytics.shutdown()
