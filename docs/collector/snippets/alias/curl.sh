curl https://collector.example.com/v1/alias \
  --user YOUR_WRITE_KEY: \
  --data '{"userId": "u1", "previousId": "before"}'
