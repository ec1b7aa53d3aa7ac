"""Dagster, Superset and the collector as processes of one home."""
