curl https://collector.example.com/v1/track \
  --user KEY_THAT_SHIPPED: \
  --data '{"userId": "u1", "event": "Moved"}'
