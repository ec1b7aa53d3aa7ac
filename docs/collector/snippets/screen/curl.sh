curl https://collector.example.com/v1/screen \
  --user YOUR_WRITE_KEY: \
  --data '{
    "userId": "u1",
    "name": "Appearance",
    "properties": {
      "theme": "dark"
    }
  }'
