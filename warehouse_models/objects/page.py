"""The page that says what a file may hold: `python -m warehouse_models.objects.page` writes docs/files.md."""

from __future__ import annotations

from pathlib import Path

from warehouse_models.objects.declaration import CanonicalObject, Field
from warehouse_models.objects.every import all_objects

PATH = Path(__file__).parents[2] / "docs" / "files.md"

_HEAD = """\
<!-- Written by `python -m warehouse_models.objects.page` from warehouse_models/objects/: change it there. -->
# What a file may hold

`tenure land --tenant TENANT --object OBJECT FILE…` takes JSONL, CSV or Parquet, each plain or gzipped. A file holds
rows of one object. A foreign export needs a map (`--map`), which says which of its columns is which of these.

A row that breaks these rules is kept apart with its reason (`tenure quarantine list`); it takes no other row with it.
An empty cell is an absent one. Columns that are not listed here are kept, in `extra`.

- A *time* is ISO 8601 (`2026-01-31T09:30:00Z`), in UTC where it has no offset. A *day* is ISO 8601 (`2026-01-31`), or
  the UTC day of a time.
- A *number* has digits and a dot, no thousands separators. An amount of money has at most 12 decimal places.
- A *currency* is an ISO 4217 code with a minor unit, such as EUR. Words are read in any case.
- An *object* is JSON; in CSV and Parquet it is its text, or one column for each of its fields (`context.groupId`).
"""
_RECORDS = """\

Every row of the objects below is a version of a record. Two more columns are read in each:

| column | what it holds | meaning | where it is empty |
|---|---|---|---|
| `updated_at` | time | When this state became true; versions order by it. | \
the time of `--as-of`, else of the landing |
| `is_deleted` | true or false | Whether the record was deleted; such a row needs its key only. | false |
"""


def render() -> str:
    """The text of the page: one table an object."""
    events, *records = all_objects().values()
    return "".join([_HEAD, _section(events), _RECORDS, *map(_section, records)])


def _section(declared: CanonicalObject) -> str:
    key = " + ".join(f"`{name}`" for name in declared.key)
    dates = [f"`{field.name}`" for field in declared.fields if field.dates]
    lines = [
        "",
        f"## {declared.name}",
        "",
        f"A row is {declared.one}. Key: {key}.{f' {_sentence(declared.note)}' if declared.note else ''}",
    ]
    if dates:
        lines += ["", f"Without `--as-of` a file is true up to the latest day in {' or '.join(dates)}."]
    lines += [
        "",
        "| column | what it holds | meaning | where it is empty |",
        "|---|---|---|---|",
        *(_row(field) for field in declared.fields),
    ]
    return "\n".join(lines) + "\n"


def _row(field: Field) -> str:
    empty = "**the row is refused**" if field.required else field.absent
    return f"| `{field.name}` | {field.kind.shown} | {field.meaning} | {empty} |"


def _sentence(phrase: str) -> str:
    return phrase[0].upper() + phrase[1:] + "."


def main(path: Path = PATH) -> None:
    """Write the file."""
    path.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
