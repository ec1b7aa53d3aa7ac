// npm install @segment/analytics-next
import { AnalyticsBrowser } from "@segment/analytics-next";

export const analytics = AnalyticsBrowser.load({
  writeKey: "YOUR_WRITE_KEY",
  cdnURL: "https://collector.example.com",
});

analytics.track("Report Created", { rows: 12 });
