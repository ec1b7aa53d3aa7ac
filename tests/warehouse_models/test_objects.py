"""A declared object says all there is to say of its fields; one that contradicts itself is refused."""

from __future__ import annotations

import pytest

from connectors.contracts import fields
from warehouse_models.objects import page
from warehouse_models.objects.declaration import DAY, TEXT, CanonicalObject, Field
from warehouse_models.objects.every import all_objects, record_objects
from warehouse_models.spec import Column, Pii

FIELDS = [(declared, field) for declared in all_objects().values() for field in declared.fields]


def test_the_page_of_files_is_what_the_objects_say() -> None:
    assert page.PATH.read_text() == page.render(), "run python -m warehouse_models.objects.page"


@pytest.mark.parametrize(("declared", "field"), FIELDS, ids=lambda one: one.name)
def test_every_field_says_what_it_is(declared: CanonicalObject, field: Field) -> None:
    assert field.meaning.endswith(".") and not field.absent.endswith(".")
    assert Column(field.name, field.kind.type, field.meaning)
    assert Pii(field.pii) is not Pii.PSEUDONYMOUS or field.kind is TEXT
    if declared.is_record:
        assert field.kind.words or field.kind.name in fields.BY_KIND


def test_what_a_row_cannot_be_without_is_decisive() -> None:
    assert [(declared.name, field.name) for declared, field in FIELDS if field.required and not field.decisive] == []


def test_a_key_is_required_of_every_record() -> None:
    keys = [declared.field(name) for declared in record_objects().values() for name in declared.key]
    assert keys and all(field.required for field in keys)


def test_only_the_first_part_of_a_key_may_have_any_length_else_two_keys_could_have_one_id() -> None:
    two = (Field("a", TEXT, "A."), Field("b", TEXT, "B."))
    with pytest.raises(ValueError, match="two keys"):
        CanonicalObject("things", "crm", "a thing", ("a", "b"), two)
    CanonicalObject("things", "crm", "a thing", ("a", "d"), (*two, Field("d", DAY, "Day.")))


def test_a_key_that_is_no_field_and_a_field_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="no field"):
        CanonicalObject("things", "crm", "a thing", ("b",), (Field("a", TEXT, "A."),))
    with pytest.raises(ValueError, match="twice"):
        CanonicalObject("things", "crm", "a thing", ("a",), (Field("a", TEXT, "A."), Field("a", DAY, "A.")))
