"""How silver is computed: one Spark SQL SELECT per table (`<domain>/<table>.sql`) and the two engines that run it.

    bronze ─▶ definition.py (what a text reads and writes) ─▶ runner.py (which slices) ─▶ engine_*.py ─▶ one Delta commit

Run alone: `tenure run`, or `python -m transforms --shard pool` for silver only.
"""
