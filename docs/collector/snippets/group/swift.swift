analytics.group(
    groupId: "acme",
    traits: ["name": "Acme", "plan": "pro", "seats": 40]
)
