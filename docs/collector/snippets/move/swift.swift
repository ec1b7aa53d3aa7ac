let configuration = Configuration(writeKey: "KEY_THAT_SHIPPED") // as it was
    .apiHost("collector.example.com/v1") // new
    .cdnHost("collector.example.com/v1") // new
