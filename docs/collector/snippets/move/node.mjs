import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "KEY_THAT_SHIPPED", // as it was
  host: "https://collector.example.com", // new
});

analytics.track({ userId: "u1", event: "Moved" });
await analytics.closeAndFlush();
