curl https://collector.example.com/v1/group \
  --user YOUR_WRITE_KEY: \
  --data '{
    "userId": "u1",
    "groupId": "acme",
    "traits": {
      "name": "Acme",
      "plan": "pro",
      "seats": 40
    }
  }'
