import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "YOUR_WRITE_KEY",
  host: "https://collector.example.com",
});

analytics.page({
  userId: "u1",
  name: "Pricing",
  properties: { url: "https://example.com/pricing" },
});

await analytics.closeAndFlush(); // sends what still waits
