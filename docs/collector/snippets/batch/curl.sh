cat > events.json <<'JSON'
{
  "sentAt": "2026-03-01T10:00:05Z",
  "batch": [
    {"type": "identify", "userId": "u1",
     "traits": {"plan": "pro"},
     "timestamp": "2026-03-01T10:00:00Z"},
    {"type": "track", "userId": "u1", "event": "Opened",
     "timestamp": "2026-03-01T10:00:01Z"},
    {"type": "page", "anonymousId": "a1", "name": "Home",
     "timestamp": "2026-03-01T10:00:02Z"}
  ]
}
JSON

gzip --stdout events.json |
  curl https://collector.example.com/v1/batch \
    --user YOUR_WRITE_KEY: \
    --data-binary @-
