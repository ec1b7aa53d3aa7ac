curl https://collector.example.com/v1/page \
  --user YOUR_WRITE_KEY: \
  --data '{
    "userId": "u1",
    "name": "Pricing",
    "properties": {
      "url": "https://example.com/pricing"
    }
  }'
