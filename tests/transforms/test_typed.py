"""What a canonical object costs: one declaration, and a command that writes its text. Everything else follows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.contracts.maps import Mapping
from connectors.landing.land import land
from connectors.landing.open_rows import list_rows
from tests.support.lakes import silver
from transforms import definition, typed
from transforms.definition import transforms
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.objects import crm, page
from warehouse_models.objects.declaration import (
    AMOUNT,
    COUNT,
    DAY,
    TEXT,
    TIME,
    CanonicalObject,
    Field,
    one_of,
)
from warehouse_models.objects.every import all_objects, in_words
from warehouse_models.specs import all_specs

VISITS = CanonicalObject(
    name="visits",
    domain="crm",
    one="a visit of a day",
    key=("visitor_id", "day"),
    note="made up for a test",
    fields=(
        Field("visitor_id", TEXT, "Visitor.", pii="pseudonymous", required=True, decisive=True),
        Field("day", DAY, "Day.", required=True, decisive=True),
        Field("guests", COUNT, "Guests.", "1", otherwise="1"),
        Field("spent", AMOUNT, "What was spent.", decisive=True),
        Field("left_at", TIME, "When they left.", "they stayed", dates=True),
        Field("mood", one_of("good", "bad"), "How it went.", required=True, decisive=True),
    ),
)


def forget() -> None:
    """What was found by reading modules and folders is looked up anew."""
    for cached in (all_objects, all_specs, transforms):
        cached.cache_clear()


@pytest.fixture
def visits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project with one more declaration in it, after the command that it asks for."""
    folder = tmp_path / "transforms"
    shutil.copytree(definition.FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with monkeypatch.context() as patch:
        patch.setattr(crm, "VISITS", VISITS, raising=False)
        patch.setattr(definition, "FOLDER", folder)
        forget()
        typed.main(folder)
        yield
    forget()


def test_texts_of_objects_are_what_the_declarations_say() -> None:
    for path, text in typed.render().items():
        assert path.read_text() == text, f"{path.name}: run python -m transforms.typed"


def test_one_declaration_is_an_object_with_contract_tables_text_and_page(
    visits: None, tmp_path: Path, tenure_home: Path
) -> None:
    lake = Lake()
    catalog = Catalog(lake)
    tenant = catalog.add_tenant("acme")
    rows: list[dict[str, Any]] = [
        {"visitor_id": "v@1", "day": "2024-03-02T23:00:00Z", "mood": "GOOD", "spent": "1.50", "dog": "yes"},
        {"visitor_id": "v@2", "day": "2024-03-03", "mood": "bad", "guests": 4, "left_at": "2024-03-03T10:00:00+02"},
        {"visitor_id": "v@3", "day": "2024-03-03"},
        {"visitor_id": "v@4", "day": "2024-03-03", "mood": "odd"},
    ]
    path = tmp_path / "visits.jsonl"
    path.write_text("\n".join(json.dumps({**row, "updated_at": "2024-03-04"}) for row in rows))
    report = land(lake, catalog, "acme", "visits", [path])
    assert (report.accepted, report.quarantined) == (2, 2)
    assert report.files[0].as_of == "2024-03-03"
    assert {row.reason for row in list_rows(lake, [tenant])} == {
        "missing: mood is missing",
        "unknown_value: mood 'odd' is none of good, bad",
    }
    run_transforms(lake, "pool", only=["silver/crm/versions", "silver/crm/visits"])
    columns = "visitor_id, day::text, guests, spent::text, epoch(left_at), mood, is_current, extra"
    assert sorted(silver(lake, "silver/crm/visits", columns)) == [
        ("v@1", "2024-03-02", 1, "1.500000000000", None, "good", True, '{"dog":"yes"}'),
        ("v@2", "2024-03-03", 4, None, 1_709_452_800.0, "bad", True, None),
    ]
    assert "## visits" in page.render()


def test_one_declaration_is_an_object_that_maps_may_fill_and_help_names(visits: None) -> None:
    Mapping(columns={"mood": "Mood"}).check("visits")
    with pytest.raises(TenureError, match="did it mean mood"):
        Mapping(columns={"moood": "Mood"}).check("visits")
    assert ", visits," in in_words()


def test_one_more_declaration_moves_no_text_but_the_union(visits: None) -> None:
    written = {path.relative_to(typed.FOLDER): path.read_text() for path in typed.FOLDER.glob("*/*.sql")}
    now = {path.relative_to(definition.FOLDER): path.read_text() for path in definition.FOLDER.glob("*/*.sql")}
    assert {path for path in now if now[path] != written.get(path)} == {
        Path("crm/versions.sql"),
        Path("crm/visits.sql"),
    }
    # The object's name comes last, so the union of the others stands as it stood.
    assert "FROM bronze_crm_visits" in now[Path("crm/versions.sql")]
