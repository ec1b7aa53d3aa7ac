"""How silver is computed: one Spark SQL SELECT per table (`<domain>/<table>.sql`) and the two engines that run it.

    bronze ─▶ definition.py (what a text reads) ─▶ planning.py (which slices) ─▶ relations.py (what it may see)
           ─▶ engines/ ─▶ one Delta commit             runner.py takes one transform after the other through all of it

`tenure run` runs it; alone: `run_transforms(Lake(), "pool")`.
"""
