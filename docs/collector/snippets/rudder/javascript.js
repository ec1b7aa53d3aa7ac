// npm install @rudderstack/analytics-js
import { RudderAnalytics } from "@rudderstack/analytics-js";

export const analytics = new RudderAnalytics();

analytics.load("YOUR_WRITE_KEY", "https://collector.example.com", {
  configUrl: "https://collector.example.com",
});

analytics.track("Report Created", { rows: 12 });
