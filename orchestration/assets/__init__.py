"""The assets, one module per layer, in the order in which data flows: bronze, silver, gold, published, dashboards."""
