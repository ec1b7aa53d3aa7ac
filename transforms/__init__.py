"""How silver is computed: one Spark SQL SELECT per table (`<domain>/<table>.sql`) and the two engines that run it.

    bronze ─▶ definition.py (what a text reads) ─▶ runner.py (which slices) ─▶ engine_*.py ─▶ one Delta commit

`tenure run` runs it; alone: `run_transforms(Lake(), "pool")`.
"""
