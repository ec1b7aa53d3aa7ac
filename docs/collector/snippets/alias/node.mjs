import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "YOUR_WRITE_KEY",
  host: "https://collector.example.com",
});

analytics.alias({ userId: "u1", previousId: "before" });

await analytics.closeAndFlush(); // sends what still waits
