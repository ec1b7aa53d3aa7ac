curl https://collector.example.com/v1/identify \
  --user YOUR_WRITE_KEY: \
  --data '{
    "userId": "u1",
    "anonymousId": "a1",
    "traits": {
      "email": "ada@example.com",
      "plan": "pro"
    }
  }'
