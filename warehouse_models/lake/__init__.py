"""How are the tables of a shard addressed, read and committed? Delta, its trail, its slices, its storage."""
