"""Independent oracles in plain Python: METRICS read again, sharing no line with the product."""
