"""What a home holds and serves, as digests that are equal when the contents are, in whatever order and files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from serving.opening import open_serving
from serving.principal import ALL
from tests.faults.world import SHARD, TENANTS
from warehouse_models import home
from warehouse_models.dbt import marts as gold_models
from warehouse_models.errors import TenureError
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.published.manifest import Manifest
from warehouse_models.spec import TableSpec
from warehouse_models.specs import all_specs

# When and where from a row came is no part of what it says: which of two equal copies lands is anybody's guess.
_VOLATILE = {"landed_at", "landed_date", "batch_id", "file", "line", "bytes", "published_at", "source_id"}
# The sentence on a held tenant begins with the day on which it was held first.
_SINCE = "Held since [^:]*"
# One row for each file; what of it was new and what was known depends on how often it was begun.
_LANDINGS = "tenant_id, object, file, file_sha, as_of, complete, accepted + duplicate, quarantined"


def served(tenants: Iterable[str] = TENANTS) -> dict[str, str]:
    """What `tenants` and the principal of all of them are served now, by the serving function: a digest for each."""
    if Manifest.read(home.published_root()) is None:
        return {}
    digests = {}
    for name in (*tenants, "all tenants"):
        digest = hashlib.sha256()
        try:
            with open_serving(ALL if name == "all tenants" else name) as connection:
                for relation in connection.relations():
                    names = [f'"{name}"' for name, _ in connection.columns(relation) if name not in _VOLATILE]
                    rows = connection.execute(f"select {', '.join(names)} from {relation}").rows()
                    text = f"{relation} {sorted(map(repr, rows))}"
                    digest.update(re.sub(_SINCE, "", text).encode())
        except TenureError as error:
            digest.update(f"{error.what} {error.why}".encode())
        digests[name] = digest.hexdigest()[:16]
    return digests


def tables(layers: tuple[str, ...] = ("bronze/", "silver/", "gold/", "build/")) -> dict[str, str]:
    """Address → digest of its rows as a multiset: Delta tables, and what the build database holds (`build/…`)."""
    lake, digests = Lake(), {}
    connection = duck.connect()
    for spec in _specs():
        if not spec.address.startswith(layers):
            continue
        version = lake.shard(SHARD).version(spec)
        if version is None:
            digests[spec.address] = "absent"
            continue
        names = ", ".join(_lasting(column.name for column in spec.columns))
        if spec.address == "bronze/landings":
            names = _LANDINGS
        if spec.address == "bronze/quarantine":
            names += ", file, line"
        digests[spec.address] = _digest(connection, names, lake.shard(SHARD).scan(spec))
    connection.close()
    if "build/" in layers and home.build_path(SHARD).exists():
        digests |= _build()
    return digests


def _build() -> dict[str, str]:
    connection = duck.connect(home.build_path(SHARD), read_only=True)
    columns: dict[str, list[str]] = {}
    for schema, table, column in connection.execute(
        "select schema_name, table_name, column_name from duckdb_columns() join duckdb_tables() "
        "using (schema_name, table_name) where schema_name in ('marts', 'intermediate')"
    ).fetchall():
        columns.setdefault(f"{schema}.{table}", []).append(column)
    digests = {
        f"build/{name}": _digest(connection, ", ".join(_lasting(sorted(names))), name)
        for name, names in columns.items()
    }
    # What the next publication has to replace; when it was found out plays no part.
    changes = "tenant_id, scope, from_date, to_date"
    digests["build/control.changes"] = _digest(connection, changes, f"(select distinct {changes} from control.changes)")
    connection.close()
    return digests


def starting_versions() -> dict[str, int | None]:
    """Address → Delta version, to ask `trails` from."""
    lake = Lake()
    return {spec.address: lake.shard(SHARD).version(spec) for spec in _specs()}


def trails(since: Mapping[str, int | None], layers: tuple[str, ...]) -> dict[str, set[str]]:
    """What the next step is told to have changed since those versions: tenants and days, or `everything`."""
    lake, changes = Lake(), {}
    for address, version in since.items():
        if not address.startswith(layers):
            continue
        trail = lake.shard(SHARD).trail(address, version)
        changed = {"everything"} if trail.full else set(trail.batches)
        for tenant, dates in trail.slices.items():
            changed |= {f"{tenant} {day}" for day in dates} if dates is not None else {tenant}
        changes[address] = changed
    return changes


def leftovers(published: Path) -> list[str]:
    """Files of the published folder that no manifest names and that the next publication does not replace."""
    named = {file for manifest in Manifest.kept(published) for file in manifest.files()}
    names = (path.relative_to(published).as_posix() for path in published.rglob("*") if path.is_file())
    return sorted(name for name in names if name not in named and not re.search(r"(^|/)\w+\.json$|\.lock$", name))


def _lasting(columns: Iterable[str]) -> list[str]:
    """Columns, as SQL, that are equal where contents are."""
    kept = (name for name in columns if name not in _VOLATILE)
    return [f"regexp_replace({name}, '{_SINCE}', '')" if name == "held_reason" else f'"{name}"' for name in kept]


def _specs() -> list[TableSpec]:
    return [*all_specs().values(), *(mart.spec for mart in gold_models.marts().values() if not mart.is_view)]


def _digest(connection: Any, names: str, relation: str) -> str:
    row = connection.execute(
        f"select count(*), sum(hash(told)) from (select {names} from {relation}) as told"
    ).fetchone()
    return f"{row[0]} rows {row[1]}"
