analytics.identify("u1", buildJsonObject {
    put("email", "ada@example.com")
    put("plan", "pro")
})
