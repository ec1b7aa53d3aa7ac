analytics.group("acme", buildJsonObject {
    put("name", "Acme")
    put("plan", "pro")
    put("seats", 40)
})
