"""Texts that follow from the declared objects: `python -m transforms.typed` writes them; a test fails if they differ.

warehouse_models/objects/ ─▶ <domain>/<object>.sql            versions of one object, typed
                          ─▶ crm/versions.sql, at its top     what it reads, and the union of all objects
"""

from __future__ import annotations

import re
from pathlib import Path

from warehouse_models.objects.declaration import CanonicalObject, Field
from warehouse_models.objects.every import record_objects

FOLDER = Path(__file__).parent
_VERSIONS = Path("crm", "versions.sql")
# Its inputs, and its first CTE; the rest of the text is written by hand.
_INPUTS = re.compile(r"(?<=\ninputs:\n).*?(?=  bronze/landings:)", re.DOTALL)
_UNION = re.compile(r"(?<=\nWITH received AS \(\n).*?(?=\n\),\n)", re.DOTALL)
_RECEIVED = (
    "    SELECT tenant_id, object, record_id, updated_at, op, landed_at, batch_id, payload_sha, payload\n    FROM "
)
_TYPES = {"string": "", "bigint": "BIGINT", "boolean": "BOOLEAN", "timestamp": "TIMESTAMP", "date": "DATE"}


def main(folder: Path = FOLDER) -> None:
    """Write them all."""
    for path, text in render(folder).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def render(folder: Path = FOLDER) -> dict[Path, str]:
    """Path → text: one file a record object, and the text of versions as it stands in `folder` with its top renewed."""
    texts = {folder / declared.domain / f"{declared.name}.sql": typed_text(declared) for declared in _records()}
    versions = (folder / _VERSIONS).read_text(encoding="utf-8")
    inputs = "".join(f"  {declared.address}: {{days: all}}\n" for declared in _records())
    views = [f"{_RECEIVED}{declared.address.replace('/', '_')}" for declared in _records()]
    versions = _INPUTS.sub(lambda _: inputs, versions, count=1)
    texts[folder / _VERSIONS] = _UNION.sub(lambda _: "\n    UNION ALL\n".join(views), versions, count=1)
    return texts


def _records() -> list[CanonicalObject]:
    return list(record_objects().values())


def typed_text(declared: CanonicalObject) -> str:
    """The SELECT that types the versions of one object."""
    columns = [_column(declared, field) for field in declared.in_silver]
    validity = ["is_deleted", "valid_from", "valid_to", "is_current", "updated_at"]
    columns = ["tenant_id", *columns, *validity, "get_json_object(payload, '$.extra') AS extra"]
    lines = [
        "/*",
        "# Written by `python -m transforms.typed` from warehouse_models/objects/; a test fails when it differs.",
        "inputs:",
        "  silver/crm/versions: {days: all}",
        "*/",
        *([f"-- {declared.id_note}"] if declared.id_note else []),
        "SELECT",
        ",\n".join(f"    {column}" for column in columns),
        "FROM silver_crm_versions",
        f"WHERE object = '{declared.name}'",
    ]
    return "\n".join(lines) + "\n"


def _column(declared: CanonicalObject, field: Field) -> str:
    if field.name in declared.key:
        return f"{_typed(_part_of_id(declared, field), field)} AS {field.name}"
    value = _payload(field.name)
    typed = _typed(f"nullif({value}, '')" if declared.had_empty_cells else value, field)
    if not field.otherwise:
        return f"{typed} AS {field.name}"
    otherwise = field.otherwise.format_map({name: _payload(name) for name in declared.names})
    short = f"coalesce({typed}, {otherwise}) AS {field.name}"
    if len(short) <= 116:
        return short
    return f"coalesce(\n        {typed},\n        {otherwise}\n    ) AS {field.name}"


def _payload(name: str) -> str:
    return f"get_json_object(payload, '$.{name}')"


def _typed(text: str, field: Field) -> str:
    sql_type = _TYPES.get(field.kind.type, field.kind.type.upper().replace(",", ", "))
    return f"try_cast({text} AS {sql_type})" if sql_type else text


def _part_of_id(declared: CanonicalObject, field: Field) -> str:
    """Where a part of the key stands in the record's id: behind parts of known length, or before them."""
    place = declared.key.index(field.name)
    lengths = [declared.field(name).kind.length for name in declared.key]
    if len(lengths) == 1:
        return "record_id"
    behind = sum((length or 0) + 1 for length in lengths[place + 1 :])
    if lengths[place] is None:
        return f"substr(record_id, 1, length(record_id) - {behind})"
    length = lengths[place] or 0
    if lengths[0] is None:
        return f"substr(record_id, length(record_id) - {behind + length - 1}, {length})"
    before = sum((length or 0) + 1 for length in lengths[:place])
    return f"substr(record_id, {before + 1}, {length})"


if __name__ == "__main__":
    main()
