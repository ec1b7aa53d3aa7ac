val analytics = Analytics("KEY_THAT_SHIPPED", applicationContext) { // as it was
    apiHost = "collector.example.com/v1" // new
    cdnHost = "collector.example.com/v1" // new
}
