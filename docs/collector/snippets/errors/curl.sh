# Comes again by itself after 429 and 503,
# when Retry-After says.
curl https://collector.example.com/v1/track \
  --user YOUR_WRITE_KEY: \
  --retry 10 --fail-with-body \
  --data '{"userId": "u1", "event": "Report Created"}'
