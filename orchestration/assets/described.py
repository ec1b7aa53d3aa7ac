"""A table spec as Dagster shows it: description, owner, columns with PII class, where it is stored."""

from __future__ import annotations

from typing import Any

import dagster as dg

from warehouse_models.spec import Pii, TableSpec


def key_of(address: str) -> dg.AssetKey:
    """`silver/product/sessions` -> the asset key of the same name."""
    return dg.AssetKey(address.split("/"))


def description_of(spec: TableSpec) -> str:
    """Grain sentence, then what the table is for."""
    return f"{spec.grain}\n\n{spec.description}\n\nKey: `{', '.join(spec.key)}`"


def columns_of(spec: TableSpec) -> dict[str, Any]:
    """Static metadata: the column schema with nullability and PII tags."""
    columns = [
        dg.TableColumn(
            column.name,
            column.type,
            column.description,
            constraints=dg.TableColumnConstraints(nullable=column.nullable),
            tags={} if column.pii is Pii.NONE else {"pii": str(column.pii)},
        )
        for column in spec.columns
    ]
    return {"dagster/column_schema": dg.TableSchema(columns), "partitioned by": ", ".join(spec.partition_by)}


def spec_of(spec: TableSpec, **more: Any) -> dg.AssetSpec:
    """The AssetSpec of a bronze or silver table; `more` overrides or adds AssetSpec arguments."""
    arguments: dict[str, Any] = {
        "key": key_of(spec.address),
        "description": description_of(spec),
        "owners": [f"team:{spec.owner}"],
        "group_name": spec.layer,
        "metadata": columns_of(spec),
        "kinds": {"delta"},
    }
    return dg.AssetSpec(**(arguments | more))
