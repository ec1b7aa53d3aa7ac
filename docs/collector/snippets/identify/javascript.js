analytics.identify("u1", {
  email: "ada@example.com",
  plan: "pro",
});
