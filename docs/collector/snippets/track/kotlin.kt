analytics.track("Report Created", buildJsonObject {
    put("rows", 12)
    put("format", "csv")
})
