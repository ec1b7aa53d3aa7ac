"""What was acknowledged and is not in bronze yet: synced files of messages."""
