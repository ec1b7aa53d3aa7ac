"""Who is there? Tenants, sources, webhooks and secrets, each a small versioned table."""
