val analytics = Analytics("YOUR_WRITE_KEY", applicationContext) {
    apiHost = "collector.example.com/v1"
    cdnHost = "collector.example.com/v1"
    errorHandler = { error ->
        Log.w("analytics", "not delivered", error)
    }
}
