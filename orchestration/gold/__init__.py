"""Silver to gold: the plan of a run, dbt in a process of its own, what it did."""
