analytics.screen("Settings", "Appearance", { theme: "dark" });
