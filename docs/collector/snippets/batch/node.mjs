import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "YOUR_WRITE_KEY",
  host: "https://collector.example.com",
  maxEventsInBatch: 100,
  flushInterval: 1000,
});

for (let row = 0; row < 250; row++) {
  analytics.track({
    userId: "u1",
    event: "Row Imported",
    properties: { row },
  });
}

await analytics.closeAndFlush();
