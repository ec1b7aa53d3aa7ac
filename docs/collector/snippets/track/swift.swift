analytics.track(
    name: "Report Created",
    properties: ["rows": 12, "format": "csv"]
)
