curl https://collector.example.com/v1/track \
  --user YOUR_WRITE_KEY: \
  --data '{
    "messageId": "7b0c3e0a-track",
    "userId": "u1",
    "event": "Report Created",
    "properties": {
      "rows": 12,
      "format": "csv"
    },
    "context": {
      "groupId": "acme"
    },
    "timestamp": "2026-03-01T10:00:00Z"
  }'
