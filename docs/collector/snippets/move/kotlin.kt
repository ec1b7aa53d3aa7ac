// The key as it was.
val analytics = Analytics("KEY_THAT_SHIPPED", applicationContext) {
    apiHost = "collector.example.com/v1" // new
    cdnHost = "collector.example.com/v1" // new
}
