"""What runs inside Superset's own environment."""
