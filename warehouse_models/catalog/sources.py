"""The sources of a tenant: who may send events, by which write key. A versioned Delta table, `catalog/sources`.

A write key is kept as its SHA-256 and printed once. It stands in every web page and app that sends, so it is an
address more than a secret; what the hash prevents is that a copy of the lake gives away the right to write into it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from warehouse_models.catalog.names import check_name
from warehouse_models.catalog.rotation import OLD_VALUE_COUNTS_FOR, counting, kept_beside
from warehouse_models.catalog.table import CatalogTable
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError

TABLE = "sources"
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
        return counting(self.key_sha, self.old_key_sha, self.old_key_until, now)


def hash_of(key: str) -> str:
    """What the catalog keeps of a write key: SHA-256, hexadecimal."""
    # Half a character, which JSON can hold, must not be an error: it is a key that nobody has.
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class Sources:
    """Reads and changes the sources of one lake; every change is one commit, checked against the version it read."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.table = CatalogTable(catalog.lake, TABLE, Source, thing="source", command="tenure source")

    def all(self, tenant: str | None = None) -> list[Source]:
        """All sources by tenant and name, revoked ones too; of one tenant if given."""
        return self.table.read(tenant)

    def add(self, tenant: str, name: str, key: str | None = None) -> tuple[Source, str]:
        """Add a source and return it with its key: a new one, or `key`, which shipped apps carry already.

        Adding the same name with the same key again changes nothing. TenureError: no such tenant, a name that is taken,
        a key that cannot be one or belongs to another source (two tenants cannot share a key).
        """
        self.catalog.tenant(tenant)
        check_name("source", name, "web")
        written = key or _new_key()
        _check_key(name, written)
        now = datetime.now(UTC)
        source_id = f"src_{secrets.token_hex(8)}"
        added = Source(tenant, source_id, name, "active", hash_of(written), None, None, 1, now, now)
        return self.table.add(added, lambda sources: _existing(added, sources, is_key_given=key is not None)), written

    def rotate(self, tenant: str, name: str, *, grace: timedelta = OLD_VALUE_COUNTS_FOR) -> tuple[Source, str]:
        """Give a source a new key and return both; the old key counts for `grace` more. A revoked source is active
        again, by its new key alone. TenureError: no such source."""
        self.catalog.tenant(tenant)
        written = _new_key()
        now = datetime.now(UTC)

        def rotated(source: Source) -> Source:
            old, until = kept_beside(source.keys(now), now, grace)
            return replace(source, state="active", key_sha=hash_of(written), old_key_sha=old, old_key_until=until)

        return self.table.update((tenant, name), rotated), written

    def revoke(self, tenant: str, name: str) -> Source:
        """Take the right to write from all keys of a source; a running collector follows within seconds.

        TenureError: no such source.
        """
        self.catalog.tenant(tenant)
        return self.table.update((tenant, name), lambda source: replace(source, state="revoked"))


def _existing(added: Source, sources: Sequence[Source], *, is_key_given: bool) -> Source | None:
    """The source that is there with the same name and the same given key. TenureError: its name or key is taken."""
    for source in sources:
        if (source.tenant_id, source.name) == (added.tenant_id, added.name):
            if source.state == "active" and is_key_given and source.key_sha == added.key_sha:
                return source
            why = f"tenant {added.tenant_id} has it already ({source.state})"
            raise TenureError(f"source {added.name}", why, "choose another name, or `tenure source rotate` it")
    for source in sources:
        if added.key_sha in (source.key_sha, source.old_key_sha):
            # Neither its tenant nor its name: they may be somebody else's.
            why = "another source carries it, or carried it, and a key names one source"
            raise TenureError(
                f"the write key of source {added.name}", why, "tenure source list, or leave --write-key away"
            )
    return None


def _new_key() -> str:
    return secrets.token_urlsafe(24)


def _check_key(name: str, key: str) -> None:
    if not _KEY.fullmatch(key):
        why = "a write key is 8 to 256 visible ASCII characters without a colon"
        raise TenureError(f"the write key of source {name}", why, "leave --write-key away, and one is made")
