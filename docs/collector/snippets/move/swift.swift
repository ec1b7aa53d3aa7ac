// The key as it was.
let configuration = Configuration(writeKey: "KEY_THAT_SHIPPED")
    .apiHost("collector.example.com/v1") // new
    .cdnHost("collector.example.com/v1") // new
