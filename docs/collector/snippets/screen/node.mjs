import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "YOUR_WRITE_KEY",
  host: "https://collector.example.com",
});

analytics.screen({
  userId: "u1",
  name: "Appearance",
  properties: { theme: "dark" },
});

await analytics.closeAndFlush(); // sends what still waits
