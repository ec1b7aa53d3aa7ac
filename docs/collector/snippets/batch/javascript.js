import { AnalyticsBrowser } from "@segment/analytics-next";

export const analytics = AnalyticsBrowser.load(
  {
    writeKey: "YOUR_WRITE_KEY",
    cdnURL: "https://collector.example.com",
  },
  {
    integrations: {
      // One request for ten events, or every five seconds.
      "Segment.io": {
        deliveryStrategy: {
          strategy: "batching",
          config: { size: 10, timeout: 5000 },
        },
      },
    },
  },
);
