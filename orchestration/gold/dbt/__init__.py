"""dbt as a process of its own: how it is started, what is ordered of it, what it says of the models."""
