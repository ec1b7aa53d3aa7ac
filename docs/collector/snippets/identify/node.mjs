import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "YOUR_WRITE_KEY",
  host: "https://collector.example.com",
});

analytics.identify({
  userId: "u1",
  anonymousId: "a1",
  traits: { email: "ada@example.com", plan: "pro" },
});

await analytics.closeAndFlush(); // sends what still waits
