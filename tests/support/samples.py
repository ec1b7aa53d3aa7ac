"""The samples that lie beside the checkout, landed in shuffled parts."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from random import Random

from connectors.landing.land import land
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

# One tenant a sample, each with events.
TENANTS = ("git_history", "ecom_clickstream", "crm_product")
PARTS = 3


def land_part(lake: Lake, folder: Callable[[str], Path], drop: Path, part: int, seed: int) -> None:
    """Land the `part`-th of three parts of each sample's events; order and cuts follow from the seed."""
    drop.mkdir(parents=True, exist_ok=True)
    for tenant in TENANTS:
        rng = Random(f"{tenant} {seed}")
        lines = gzip.decompress((folder(tenant) / "segment_events.jsonl.gz").read_bytes()).splitlines(keepends=True)
        rng.shuffle(lines)
        cuts = [0, *sorted(rng.sample(range(1, len(lines)), PARTS - 1)), len(lines)]
        path = drop / f"{tenant}-{part}.jsonl"
        path.write_bytes(b"".join(lines[cuts[part] : cuts[part + 1]]))
        report = land(lake, Catalog(lake), tenant, "events", [path])
        assert report.quarantined == 0, report
