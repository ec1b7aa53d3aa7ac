"""What landings and replays report: a row is accepted, a duplicate, or quarantined; there is nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class FileReport:
    """Counts of one file, in rows. `error` says why reading stopped before the file's end (None: read to its end).

    `notes` say what is odd about a file that is not wrong, such as a column of the map that no row has. `as_of`: the
    day up to which a file of billing records is true; `is_as_of_told` is false where it is the latest one it speaks of.
    """

    file: str
    object: str
    batch_id: str = ""
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    error: str | None = None
    notes: list[str] = field(default_factory=list)
    as_of: str | None = None
    is_as_of_told: bool = False

    @property
    def rows(self) -> int:
        """Rows read so far."""
        return self.accepted + self.duplicate + self.quarantined

    def refuse(self, reason: str) -> None:
        """Count one refused row under the code of its reason."""
        code = reason.partition(":")[0]
        self.quarantined += 1
        self.reasons[code] = self.reasons.get(code, 0) + 1


@dataclass
class LandingReport:
    """Counts of a landing, and of each of its files."""

    tenant: str
    object: str
    files: list[FileReport] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """Rows added to bronze."""
        return sum(file.accepted for file in self.files)

    @property
    def duplicate(self) -> int:
        """Rows that bronze already had."""
        return sum(file.duplicate for file in self.files)

    @property
    def quarantined(self) -> int:
        """Rows refused."""
        return sum(file.quarantined for file in self.files)

    @property
    def is_complete(self) -> bool:
        """Whether every file was read to its end: the condition for exit code 0."""
        return all(file.error is None for file in self.files)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        totals = {"accepted": self.accepted, "duplicate": self.duplicate, "quarantined": self.quarantined}
        head = {"tenant": self.tenant, "object": self.object, **totals, "is_complete": self.is_complete}
        return {**head, "files": [asdict(file) for file in self.files]}

    def to_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(self.as_dict(), sort_keys=True)


@dataclass
class ReplayReport:
    """What became of the rows that were in quarantine: `kept` are those that could not be tried, by why.

    `refused` are in quarantine still (`reasons`: by code), `error` says why a corrected file was not read to its end.
    """

    tenant: str
    accepted: int = 0
    duplicate: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    error: str | None = None

    @property
    def rows(self) -> int:
        """Rows looked at so far."""
        return self.accepted + self.duplicate + self.refused + sum(self.kept.values())

    def keep(self, why: str, rows: int = 1) -> None:
        """Count rows that could not be tried."""
        self.kept[why] = self.kept.get(why, 0) + rows

    def refuse(self, reason: str) -> None:
        """Count a row that is refused still, under the code of its reason."""
        code = reason.partition(":")[0]
        self.refused += 1
        self.reasons[code] = self.reasons.get(code, 0) + 1
