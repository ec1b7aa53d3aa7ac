"""One tenant with billing, from landing to what is served: what tests of revenue's publications share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestration.gold.build import run_gold
from orchestration.gold.result import GoldResult
from orchestration.publish.publish import publish
from tests.support.lakes import land_rows
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake


class RevenueJob:
    """Silver, gold and publication of the lake of `acme`."""

    def __init__(self, folder: Path) -> None:
        self.lake, self.folder = Lake(), folder
        Catalog(self.lake).add_tenant("acme")

    def land(self, object: str, *rows: dict[str, Any], **how: Any) -> None:
        """Land rows as a file would bring them; none may be refused."""
        assert land_rows(self.lake, "acme", object, rows, self.folder, **how).quarantined == 0

    def build(self, **options: Any) -> GoldResult:
        """Everything new, published where it is green."""
        run_transforms(self.lake, "pool")
        result = run_gold(self.lake, "pool", **options)
        assert result.error is None, result.error
        publish(self.lake, "pool", result.verdicts)
        return result
