// npm install @segment/analytics-node
import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "YOUR_WRITE_KEY",
  host: "https://collector.example.com",
});

analytics.track({
  userId: "u1",
  event: "Report Created",
  properties: { rows: 12 },
});

// At the end of the program: sends what still waits.
await analytics.closeAndFlush();
