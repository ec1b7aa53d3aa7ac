"""How is a published mart read, and by whom? Standard library and duckdb only: Superset imports it too."""
