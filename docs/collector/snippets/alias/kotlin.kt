// The old name is the one that the app sends by now.
analytics.alias("u1")
