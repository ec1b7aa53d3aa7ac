analytics.screen(
    "Appearance",
    buildJsonObject { put("theme", "dark") },
    category = "Settings",
)
