import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "YOUR_WRITE_KEY",
  host: "https://collector.example.com",
});

analytics.track({
  userId: "u1",
  event: "Report Created",
  properties: { rows: 12, format: "csv" },
  context: { groupId: "acme" },
});

await analytics.closeAndFlush(); // sends what still waits
