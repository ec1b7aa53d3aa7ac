"""The small world that faults are injected into: three tenants, disorderly events, bad rows, records, one red tenant.

    folder/files/…     what is landed, written once          folder/home        TENURE_HOME of the stage at work
                                                             folder/kept/NAME   states that stages start from

The home has one path for the whole campaign, because published files name the lake by its path.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

SHARD = "pool"
TENANTS = ("acme", "bolt", "cord")
# This one's second delivery is judged red by the harness, so that holding is a part of every publication.
HELD = "cord"
# Events of each tenant in each of three batches.
_COUNTS = {"acme": (50, 30, 25), "bolt": (11, 11, 0), "cord": (20, 25, 0)}
_START = datetime(2024, 2, 27, tzinfo=UTC)  # two months, so two partitions of every silver table


@dataclass(frozen=True)
class Delivery:
    """One file and how it is landed."""

    tenant: str
    object: str
    path: Path
    as_of: str | None = None
    complete: bool = False


@dataclass(frozen=True)
class World:
    """The folder of a campaign."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def deliveries(self, batch: str) -> list[Delivery]:
        """The files of a batch, see `write`."""
        entries = json.loads((self.folder / "files" / f"{batch}.json").read_text(encoding="utf-8"))
        return [Delivery(**{**one, "path": self.folder / "files" / one["path"]}) for one in entries]

    def keep(self, name: str) -> None:
        """Keep the home as it is under a name."""
        _copy(self.home, self.folder / "kept" / name)

    def restore(self, name: str) -> None:
        """Make the home what was kept."""
        _copy(self.folder / "kept" / name, self.home)

    def write(self) -> None:
        """Write the files: `first` delivery of all; of the second, what is `around` and what lands under faults
        (`second`); and a file that a rival lands meanwhile (`other`)."""
        files = self.folder / "files"
        files.mkdir(parents=True)
        batches = {
            "first": [*(_events(files, tenant, 0) for tenant in TENANTS), _accounts(files, 0), _users(files, 0)],
            "around": [*(_events(files, tenant, 1) for tenant in TENANTS[1:]), _users(files, 1)],
            "second": [_events(files, TENANTS[0], 1), _accounts(files, 1)],
            "other": [_events(files, TENANTS[0], 2)],
        }
        for name, entries in batches.items():
            (files / f"{name}.json").write_text(json.dumps(entries), encoding="utf-8")


def _events(files: Path, tenant: str, batch: int) -> dict[str, Any]:
    events, counts = _told(tenant), _COUNTS[tenant]
    first = sum(counts[:batch])
    lines = events[first : first + counts[batch]]
    if batch == 1:
        # The same id with other content, and what came before once more.
        lines += events[:3] + [{**event, "event": "Changed"} for event in events[3:6]]
    text = [json.dumps(line) for line in lines]
    for position in (2, 5):
        text.insert(position, f'{{"broken": {position}, {tenant}')
    return _file(files / f"{tenant}-{batch}.jsonl", text, tenant, "events", as_of=f"2024-03-0{5 + batch}")


def _told(tenant: str) -> list[dict[str, Any]]:
    """The events of a tenant in no order of time: users, anonymous visitors who become users, aliases, groups."""
    rng, events = Random(tenant), []
    for number in range(sum(_COUNTS[tenant])):
        at = _START + timedelta(days=rng.randrange(6), seconds=rng.randrange(86_400))
        kind = rng.choice(("track", "track", "track", "page", "identify", "group", "alias"))
        event: dict[str, Any] = {"messageId": f"m{number}", "type": kind, "timestamp": at.isoformat()}
        event |= {"receivedAt": (at + timedelta(seconds=rng.choice((1, 90, 86_400)))).isoformat()}
        if kind == "alias" or rng.random() < 0.7:
            event["userId"] = f"u{rng.randint(1, 4)}"
        if "userId" not in event or rng.random() < 0.3:
            event["anonymousId"] = f"a{rng.randint(1, 3)}"
        event |= {
            "track": {"event": rng.choice(("Opened", "Exported", "Shared"))},
            "group": {"groupId": rng.choice(("acme", "globex"))},
            "alias": {"previousId": f"a{rng.randint(1, 3)}"},
        }.get(kind, {})
        events.append(event)
    return events


def _accounts(files: Path, batch: int) -> dict[str, Any]:
    at = f"2024-03-0{1 + batch}T12:00:00Z"
    rows = [
        {"account_id": account, "name": f"{account} {batch}", "licensed_seats": 5 + batch, "updated_at": at}
        for account in ("acme", "globex", f"new{batch}")
    ]
    if batch == 1:
        rows += [
            {"account_id": "globex", "name": "contradicted", "licensed_seats": 9, "updated_at": at},
            {"account_id": "acme", "name": "bad", "licensed_seats": "many", "updated_at": at},
        ]
    return _file(
        files / f"accounts-{batch}.jsonl", map(json.dumps, rows), "acme", "accounts", as_of=f"2024-03-0{4 + batch}"
    )


def _users(files: Path, batch: int) -> dict[str, Any]:
    rows = [{"user_id": f"u{n}", "account_id": ("acme", "globex")[(n + batch) % 2]} for n in (1, 2, 3)]
    as_of = f"2024-03-0{2 + batch}"
    return _file(files / f"users-{batch}.jsonl", map(json.dumps, rows), "acme", "users", as_of=as_of, complete=True)


def _file(path: Path, lines: Iterable[str], tenant: str, object: str, **how: Any) -> dict[str, Any]:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return {"tenant": tenant, "object": object, "path": path.name, **how}


def _copy(source: Path, target: Path) -> None:
    """Make `target` what `source` is; files whose bytes are there already stay, because a fault changes few of the 650.

    Bytes are compared, not times: a broken product may write in place.
    """
    target.mkdir(parents=True, exist_ok=True)
    wanted = {path.name: path for path in source.iterdir()}
    for path in target.iterdir():
        if path.name not in wanted or not _is_like(wanted[path.name], path):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name, path in wanted.items():
        if path.is_dir() and not path.is_symlink():
            _copy(path, target / name)
        elif not (target / name).exists():
            # Copies, not links: a broken product that wrote in place would change the state that others start from.
            shutil.copyfile(path, target / name, follow_symlinks=False)


def _is_like(wanted: Path, there: Path) -> bool:
    """Whether what is there can stay: both folders, or files of the same bytes."""
    if wanted.is_symlink() or there.is_symlink() or wanted.is_dir() != there.is_dir():
        return False
    same_size = wanted.stat().st_size == there.stat().st_size
    return wanted.is_dir() or (same_size and wanted.read_bytes() == there.read_bytes())
