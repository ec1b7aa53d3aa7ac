"""A git history as events of a tenant."""
