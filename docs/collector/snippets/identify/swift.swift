analytics.identify(
    userId: "u1",
    traits: ["email": "ada@example.com", "plan": "pro"]
)
