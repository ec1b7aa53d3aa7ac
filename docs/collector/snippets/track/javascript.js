analytics.track("Report Created", {
  rows: 12,
  format: "csv",
});
