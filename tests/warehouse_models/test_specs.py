"""Specs lead every key by the tenant, classify what is personal, and match what computes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from transforms.definition import order, transforms
from warehouse_models.policies.policy import settings_hash
from warehouse_models.spec import Column, Pii, TableSpec
from warehouse_models.specs import all_specs

SPECS = list(all_specs().values())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.address)
def test_tenant_id_is_the_first_column_of_every_table_and_key(spec: TableSpec) -> None:
    assert spec.columns[0].name == "tenant_id"
    assert spec.key[0] == "tenant_id"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.address)
def test_every_table_says_its_grain_and_every_column_what_it_is(spec: TableSpec) -> None:
    assert spec.grain.startswith("One row per ")
    assert spec.owner
    assert all(column.description.endswith(".") for column in spec.columns)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.address)
def test_columns_that_name_a_person_are_classified(spec: TableSpec) -> None:
    suspects = {"email", "payload", "traits", "properties", "context", "user_id", "anonymous_id", "previous_id"}
    assert [c.name for c in spec.columns if c.name in suspects and c.pii is Pii.NONE] == []


def test_a_spec_whose_key_does_not_start_with_the_tenant_is_refused() -> None:
    sessions = all_specs()["silver/product/sessions"]
    with pytest.raises(ValueError, match="tenant_id"):
        TableSpec("silver", "product", "x", "One row per x.", ("session_id",), sessions.columns, "me", "x")


def test_every_silver_table_has_one_text_and_inputs_come_first() -> None:
    addresses = order()
    assert addresses and set(addresses) == {a for a in all_specs() if a.startswith("silver/")}
    for address in addresses:
        earlier = set(addresses[: addresses.index(address)])
        assert {i for i in transforms()[address].inputs if i.startswith("silver/")} <= earlier


@pytest.mark.parametrize(
    ("setting", "value", "readers"),
    [
        ("session_gap_minutes", 20, {"sessions"}),
        ("event_time_clamp_minutes", 1, {"events"}),
        ("qualifying_types", ["track"], {"activity"}),
        ("internal_users", {"users": ["u"]}, {"internal_users", "activity"}),
        ("tracking_plan", {"version": 1, "events": {"A": {"feature": "a"}}}, {"activity"}),
        ("trend_min_events", 7, set()),
        ("event_time_floor", "2010-01-01", set()),
    ],
)
def test_a_setting_is_a_reason_to_compute_for_those_who_read_it_and_for_nobody_else(
    setting: str, value: object, readers: set[str]
) -> None:
    changed = {
        transform.spec.name
        for transform in transforms().values()
        if settings_hash({setting: value}, transform.policies) != settings_hash({}, transform.policies)
    }
    assert changed == readers


def test_a_definition_follows_from_texts_inputs_and_columns_and_not_from_policies() -> None:
    sessions = transforms()["silver/product/sessions"]
    wider = {address: replace(each, days=(-3, 1)) for address, each in sessions.inputs.items()}
    column = replace(sessions.spec, columns=(*sessions.spec.columns, Column("more", "string", "More.")))
    others = [
        replace(sessions, sql=sessions.sql + " "),
        replace(sessions, touched_sql="SELECT 1"),
        replace(sessions, inputs=wider),
        replace(sessions, spec=column),
    ]
    assert len({sessions.definition, *(other.definition for other in others)}) == 5
    assert replace(sessions, materialize=("runs",)).definition == sessions.definition
