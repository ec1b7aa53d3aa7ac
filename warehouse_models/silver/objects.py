"""Silver of records: every version of a record, typed, one table a canonical object."""

from __future__ import annotations

from warehouse_models.objects.declaration import CanonicalObject, Field
from warehouse_models.objects.every import record_objects
from warehouse_models.silver.crm import EXTRA, TENANT, VERSION
from warehouse_models.spec import Column, Pii, TableSpec


def tables() -> list[TableSpec]:
    """The table of each record object."""
    return [_typed(declared) for declared in record_objects().values()]


def _typed(declared: CanonicalObject) -> TableSpec:
    plural = declared.name.replace("_", " ")
    return TableSpec(
        layer="silver",
        domain=declared.domain,
        name=declared.name,
        grain=f"One row per {declared.one.partition(' ')[2]} and version.",
        key=("tenant_id", *declared.key, "valid_from"),
        owner="data-engineering",
        description=f"Versions of {plural}, typed{f'; {declared.note}' if declared.note else ''}.",
        columns=(
            TENANT,
            *(_column(field, is_key=field.name in declared.key) for field in declared.in_silver),
            *VERSION,
            EXTRA,
        ),
    )


def _column(field: Field, *, is_key: bool) -> Column:
    """A deletion has its key and nothing else, so what every state has may be null here too."""
    text = field.description
    if field.absent:
        text += f" {'Where not told' if field.otherwise else 'Null'}: {field.absent}."
    elif field.required and not is_key:
        text += " Null: deleted."
    return Column(field.name, field.kind.type, text, Pii(field.pii), nullable=not is_key)
