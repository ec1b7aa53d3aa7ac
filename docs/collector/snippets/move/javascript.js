import { AnalyticsBrowser } from "@segment/analytics-next";

export const analytics = AnalyticsBrowser.load({
  writeKey: "KEY_THAT_SHIPPED", // as it was
  cdnURL: "https://collector.example.com", // new
});
