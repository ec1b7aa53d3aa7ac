"""Specs lead every key by the tenant, classify what is personal, and match what computes them."""

from __future__ import annotations

import pytest

from transforms.definition import order, transforms
from warehouse_models.spec import Pii, TableSpec
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
    known = all_specs()["silver/product/sessions"]
    with pytest.raises(ValueError, match="tenant_id"):
        TableSpec("silver", "product", "x", "One row per x.", ("session_id",), known.columns, "me", "x")


def test_every_silver_table_has_one_text_and_inputs_come_first() -> None:
    addresses = order()
    assert addresses and set(addresses) == {a for a in all_specs() if a.startswith("silver/")}
    for address in addresses:
        earlier = set(addresses[: addresses.index(address)])
        assert {i for i in transforms()[address].inputs if i.startswith("silver/")} <= earlier


def test_a_policy_value_changes_the_definition_of_what_uses_it_only(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {address: t.definition for address, t in transforms().items()}
    monkeypatch.setattr("transforms.definition.policy_hash", lambda: "another")
    changed = {address for address, t in transforms().items() if t.definition != before[address]}
    assert changed == {address for address, t in transforms().items() if t.uses_policy}
    assert "silver/product/sessions" in changed and "silver/product/usage_daily" not in changed
