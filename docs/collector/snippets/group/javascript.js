analytics.group("acme", {
  name: "Acme",
  plan: "pro",
  seats: 40,
});
