analytics.on("error", (error) => {
  console.warn("not delivered", error);
});
