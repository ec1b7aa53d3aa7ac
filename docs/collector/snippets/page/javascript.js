// The address, the title and the referrer are filled in.
analytics.page("Docs", "Pricing", { plan: "pro" });
