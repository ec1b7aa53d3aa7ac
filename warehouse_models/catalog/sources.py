"""The sources of a tenant: who may send events, by which write key. A versioned Delta table, `catalog/sources`.

A write key is kept as its SHA-256 and printed once. It stands in every web page and app that sends, so it is an
address more than a secret; what the hash prevents is that a copy of the lake gives away the right to write into it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pyarrow as pa

from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError

TABLE = "sources"
GRACE = timedelta(hours=24)
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("source_id", pa.string()),
        ("name", pa.string()),
        ("state", pa.string()),
        ("key_sha", pa.string()),
        ("old_key_sha", pa.string()),
        ("old_key_until", _TIMESTAMP),
        ("version", pa.int64()),
        ("created_at", _TIMESTAMP),
        ("updated_at", _TIMESTAMP),
    ]
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}")
# The user of HTTP basic authentication cannot hold a colon (RFC 7617).
_KEY = re.compile(r"[!-9;-~]{8,256}")


@dataclass(frozen=True)
class Source:
    """A source: `state` is active or revoked, `version` counts the changes of its row from 1.

    `old_key_sha` is the key before the last rotation; it counts until `old_key_until` (UTC).
    """

    tenant_id: str
    source_id: str
    name: str
    state: str
    key_sha: str
    old_key_sha: str | None
    old_key_until: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    def keys(self, now: datetime) -> list[str]:
        """Hashes of the keys that may write at `now`."""
        if self.state != "active":
            return []
        is_old_good = self.old_key_sha is not None and self.old_key_until is not None and now < self.old_key_until
        return [self.key_sha, self.old_key_sha] if is_old_good and self.old_key_sha else [self.key_sha]


def hash_of(key: str) -> str:
    """What the catalog keeps of a write key: SHA-256, hexadecimal."""
    # Half a character, which JSON can hold, must not be an error: it is a key that nobody has.
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class Sources:
    """Reads and changes the sources of one lake; every change is one commit, checked against the version it read."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def all(self, tenant: str | None = None) -> list[Source]:
        """All sources by tenant and name, revoked ones too; of one tenant if given."""
        found = [_source(row) for row in self.catalog.rows(TABLE)]
        return sorted((s for s in found if tenant in (None, s.tenant_id)), key=lambda s: (s.tenant_id, s.name))

    def add(self, tenant: str, name: str, key: str | None = None) -> tuple[Source, str]:
        """Add a source and return it with its key: a new one, or `key`, which shipped apps carry already.

        Adding the same name with the same key again changes nothing. TenureError: no such tenant, a name that is taken,
        a key that cannot be one or belongs to another source (two tenants cannot share a key).
        """
        self.catalog.tenant(tenant)
        if not _NAME.fullmatch(name):
            why = "a name is 1 to 80 letters, digits, spaces, dots, dashes or underscores"
            raise TenureError(f"source {name!r}", why, "e.g. web")
        written = key or _new_key()
        _check_key(name, written)
        now = datetime.now(UTC)
        source_id = f"src_{secrets.token_hex(8)}"
        added = Source(tenant, source_id, name, "active", hash_of(written), None, None, 1, now, now)

        def change(sources: list[Source]) -> list[Source]:
            nonlocal added
            for known in sources:
                is_same = (known.tenant_id, known.name) == (tenant, name)
                if is_same and known.state == "active" and key is not None and known.key_sha == added.key_sha:
                    added = known
                    return sources
                if is_same:
                    why = f"tenant {tenant} has it already ({known.state})"
                    raise TenureError(f"source {name}", why, "choose another name, or `tenure source rotate` it")
            _check_free(sources, added.key_sha, name)
            return [*sources, added]

        self._change(change)
        return added, written

    def rotate(self, tenant: str, name: str, *, grace: timedelta = GRACE) -> tuple[Source, str]:
        """Give a source a new key and return both; the old key counts for `grace` more. A revoked source is active
        again, by its new key alone. TenureError: no such source."""
        written = _new_key()
        now = datetime.now(UTC)

        def rotated(source: Source) -> Source:
            keeps = source.state == "active" and grace > timedelta(0)
            return replace(
                source,
                state="active",
                key_sha=hash_of(written),
                old_key_sha=source.key_sha if keeps else None,
                old_key_until=now + grace if keeps else None,
            )

        return self._update(tenant, name, rotated), written

    def revoke(self, tenant: str, name: str) -> Source:
        """Take the right to write from all keys of a source; a running collector follows within seconds.

        TenureError: no such source.
        """
        return self._update(tenant, name, lambda source: replace(source, state="revoked"))

    def _update(self, tenant: str, name: str, change_one: Callable[[Source], Source]) -> Source:
        self.catalog.tenant(tenant)
        changed: Source | None = None

        def change(sources: list[Source]) -> list[Source]:
            nonlocal changed
            made = []
            for source in sources:
                if (source.tenant_id, source.name) == (tenant, name):
                    changed = change_one(source)
                    if changed != source:
                        changed = replace(changed, version=source.version + 1, updated_at=datetime.now(UTC))
                    source = changed
                made.append(source)
            if changed is None:
                known = ", ".join(source.name for source in sources if source.tenant_id == tenant) or "none yet"
                why = f"tenant {tenant} has none of this name (known: {known})"
                raise TenureError(f"source {name}", why, f"tenure source list --tenant {tenant}")
            return made

        self._change(change)
        assert changed is not None
        return changed

    def _change(self, change: Callable[[list[Source]], list[Source]]) -> None:
        def on_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            before = [_source(row) for row in rows]
            after = change(before)
            return rows if after == before else [vars(source) for source in after]

        self.catalog.change(TABLE, _SCHEMA, on_rows)


def _new_key() -> str:
    return secrets.token_urlsafe(24)


def _check_key(name: str, key: str) -> None:
    if not _KEY.fullmatch(key):
        why = "a write key is 8 to 256 visible ASCII characters without a colon"
        raise TenureError(f"the write key of source {name}", why, "leave --write-key away, and one is made")


def _check_free(sources: list[Source], key_sha: str, name: str) -> None:
    for known in sources:
        if key_sha in (known.key_sha, known.old_key_sha):
            # Neither its tenant nor its name: they may be somebody else's.
            why = "another source carries it, or carried it, and a key names one source"
            raise TenureError(f"the write key of source {name}", why, "tenure source list, or leave --write-key away")


def _source(row: Mapping[str, Any]) -> Source:
    return Source(**{field.name: row[field.name] for field in _SCHEMA})
