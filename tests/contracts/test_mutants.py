"""Every mutant still finds the text that it edits: one that finds nothing would be found out only in a campaign."""

from __future__ import annotations

import pytest

from tests.mutation.__main__ import edited, mutants
from transforms import definition
from warehouse_models.dbt import marts

FOLDERS = {"silver": definition.FOLDER, "gold": marts.PROJECT, "revenue": marts.PROJECT}


@pytest.mark.parametrize("layer", FOLDERS)
def test_every_mutant_edits_its_text(layer: str) -> None:
    lost = []
    for mutant in mutants(layer):
        text = (FOLDERS[layer] / mutant["file"]).read_text(encoding="utf-8")
        if mutant["find"] not in text or edited(text, mutant) == text:
            lost.append(f"{mutant['file']}: {mutant['rule']}")
    assert lost == []
