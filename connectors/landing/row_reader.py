"""A row of a file to a row of bronze: through a map where there is one, then by the contract; and how it was read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from connectors.contracts import reasons
from connectors.contracts.canonical import exact
from connectors.contracts.contract import Contract
from connectors.contracts.events import unflatten
from connectors.contracts.maps import Mapping, read_mapping, take
from connectors.contracts.reasons import Refused
from connectors.contracts.records import RecordContract
from connectors.files.rows import Row
from connectors.systems.discovery import shipped_maps


def read_map(mapping: Mapping | Path | str | None, object: str) -> Mapping | None:
    """A map, read where it is a path or the name of a shipped one; TenureError where it does not fit the object."""
    if not mapping:
        return None
    if not isinstance(mapping, Mapping):
        mapping = read_mapping(mapping, shipped_maps())
    mapping.check(object)
    return mapping


class RowReader:
    """Reads rows by a contract, through a map where there is one. `kind` is the format: jsonl, csv, parquet.

    `unseen`: columns that the map reads and no row had yet.
    """

    def __init__(self, object: str, contract: Contract, mapping: Mapping | None, kind: str) -> None:
        self.contract, self.mapping = contract, mapping
        # An event in a table row has its objects as text and their fields as columns.
        self._is_flat = object == "events" and (mapping is not None or kind != "jsonl")
        self.unseen = set() if mapping is None else set(mapping.sources)

    def read(self, row: Row) -> tuple[Any, ...]:
        """The row of bronze, in the order of the contract. Raises Refused."""
        value = row.value
        if value is None:
            raise Refused(row.refusal or reasons.NOT_JSON)
        is_record = isinstance(self.contract, RecordContract)
        if is_record or self.mapping is not None:
            # Before the map: afterwards a column may have the name of another one of the raw row.
            value = exact(value, row.raw, fractions=is_record)
        if self.mapping is not None:
            if self.unseen:
                self.unseen = {source for source in self.unseen if take(value, source) is None}
            value = self.mapping.apply(value)
        if self._is_flat:
            value = unflatten(value)
        return self.contract.read(value, row.raw, row.line, row.size)


@dataclass(frozen=True)
class How:
    """How a file was read, kept with each row it refused, so that a replay reads the row alone as it stood there.

    `format` jsonl, csv, parquet; `header` the columns of a CSV file; `map` the name of the map; `default_time` (UTC
    microseconds) the updated_at of records without their own; `complete` whether the file replaces what was known.
    """

    format: str
    header: tuple[str, ...] = ()
    map: str | None = None
    default_time: int | None = None
    complete: bool = False

    def to_json(self) -> str:
        """As it stands in bronze/quarantine."""
        return json.dumps({name: value for name, value in asdict(self).items() if value}, sort_keys=True)

    @classmethod
    def of(cls, text: str | None) -> How | None:
        """The inverse; None for rows that were refused before it was kept."""
        if text is None:
            return None
        values = json.loads(text)
        return cls(**{**values, "header": tuple(values.get("header", ()))})
