"""What dbt declares and reads: marts as specs, silver as sources, its connection."""
