"""The audit: what is checked at the borders of the lake, and the verdict per tenant that follows. No Dagster here."""
