import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "YOUR_WRITE_KEY",
  host: "https://collector.example.com",
  maxRetries: 10,
});
analytics.on("error", (error) => {
  console.error("not delivered:", error.reason ?? error);
});

analytics.track({ userId: "u1", event: "Report Created" });
await analytics.closeAndFlush();
