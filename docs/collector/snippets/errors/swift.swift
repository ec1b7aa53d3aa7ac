let configuration = Configuration(writeKey: "YOUR_WRITE_KEY")
    .apiHost("collector.example.com/v1")
    .cdnHost("collector.example.com/v1")
    .errorHandler { error in print("not delivered: \(error)") }
