"""Counts that say how the house is built: folders, imports, sizes, names. `python -m tests.structure` prints them."""
