// The new name, then the old one.
analytics.alias("u1", "before");
