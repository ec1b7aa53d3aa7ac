// npm install @rudderstack/rudder-sdk-node
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const analytics = new RudderAnalytics("YOUR_WRITE_KEY", {
  dataPlaneUrl: "https://collector.example.com",
});

analytics.track({
  userId: "u1",
  event: "Report Created",
  properties: { rows: 12 },
});

analytics.flush(); // sends what still waits
