import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "YOUR_WRITE_KEY",
  host: "https://collector.example.com",
});

analytics.group({
  userId: "u1",
  groupId: "acme",
  traits: { name: "Acme", plan: "pro", seats: 40 },
});

await analytics.closeAndFlush(); // sends what still waits
