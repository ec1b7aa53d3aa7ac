val analytics = Analytics("YOUR_WRITE_KEY", applicationContext) {
    apiHost = "collector.example.com/v1"
    cdnHost = "collector.example.com/v1"
    flushAt = 20
    flushInterval = 30
}
