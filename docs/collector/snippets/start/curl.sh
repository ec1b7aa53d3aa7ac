curl https://collector.example.com/v1/track \
  --user YOUR_WRITE_KEY: \
  --data '{
    "userId": "u1",
    "event": "Report Created",
    "properties": {
      "rows": 12
    }
  }'
