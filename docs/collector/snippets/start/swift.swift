// Package.swift: .package(
//   url: "https://github.com/segmentio/analytics-swift",
//   from: "1.0.0")
import Segment

let configuration = Configuration(writeKey: "YOUR_WRITE_KEY")
    .apiHost("collector.example.com/v1")
    .cdnHost("collector.example.com/v1")

let analytics = Analytics(configuration: configuration)

analytics.track(
    name: "Report Created",
    properties: ["rows": 12]
)
