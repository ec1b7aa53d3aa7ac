analytics.screen(
    title: "Appearance",
    category: "Settings",
    properties: ["theme": "dark"]
)
