"""By which rules? Policy values as versioned data, and what a tenant may set."""
