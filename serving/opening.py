"""One way to read what is published: a locked DuckDB connection for a principal.

    principal ─▶ manifest ─▶ published file(s) attached read-only ─▶ locked ─▶ guarded SELECTs

A principal of one tenant gets that tenant's file and nothing else is attached, so isolation is physical; a principal
of several gets their files and views that union them; a principal of all tenants gets the file over gold Delta.
`tenure sql` and Superset both come through here. Imports the standard library, duckdb and our own guard only, because
Superset's environment imports it too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from serving.connection import ServingConnection
from serving.limits import max_memory, max_seconds, threads
from serving.principal import Principal
from serving.publications import current_manifest, directories_of, files_of, fingerprint_in
from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.lake import duck
from warehouse_models.lake.duck import quoted
from warehouse_models.published import replica


def open_serving(
    principal: Principal | str,
    published_root: Path | str | None = None,
    *,
    seconds: float | None = None,
    on_stuck: Callable[[], None] | None = None,
) -> ServingConnection:
    """Open what is published for `principal` (a Principal, or the slug of one tenant), locked.

    `published_root`: the folder with manifest.json (default: that of TENURE_HOME). `seconds`: longest time of a
    statement (default: `limits.max_seconds`). `on_stuck`: the surface's last resort against one that DuckDB does not
    stop: it works in steps and looks up between them. Raises TenureError where nothing is published for the principal.
    Every connection sees the publication that was current when it was opened, also while a run publishes the next.
    """
    if isinstance(principal, str):
        principal = Principal.of(principal)
    root = Path(published_root or home.published_root())
    manifest = current_manifest(root)
    files = files_of(principal, manifest, root)
    replica.fetch(root, [file.relative_to(root).as_posix() for file in files])
    raw = duck.connect(memory_limit=max_memory(), threads=threads())
    try:
        _attach(raw, files)
        _lock(raw, directories_of(principal, manifest))
        limit = seconds or max_seconds()
        return ServingConnection(raw, principal, fingerprint_in(principal, manifest), limit, on_stuck=on_stuck)
    except duckdb.Error as error:
        raw.close()
        raise TenureError(f"the published files of {principal}", str(error), "run `tenure doctor`") from error


def _attach(raw: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    for number, file in enumerate(files):
        raw.execute(f"attach {quoted(file)} as published_{number} (read_only)")
    if len(files) == 1:
        raw.execute("use published_0.marts")
        return
    # Several tenants: their files stay apart, and schema marts of this connection unions them. A publication of an
    # older release may lack a mart or a column that its neighbour has, hence by name.
    tables = raw.execute(
        "select table_name, list(distinct database_name order by database_name) from duckdb_columns() "
        "where schema_name = 'marts' group by table_name"
    ).fetchall()
    raw.execute("create schema marts")
    for table, databases in tables:
        arms = " union all by name ".join(f'select * from {name}.marts."{table}"' for name in databases)
        raw.execute(f'create view marts."{table}" as {arms}')
    raw.execute("use memory.marts")


def _lock(raw: duckdb.DuckDBPyConnection, directories: Sequence[str]) -> None:
    """Close every door but reading below `directories` (STACK, Serving): delta is loaded, then in this order."""
    listed = ", ".join(quoted(directory) for directory in directories)
    for setting in (
        "global TimeZone = 'UTC'",
        f"allowed_directories = [{listed}]",
        "temp_directory = ''",
        "python_enable_replacements = false",
        "autoload_known_extensions = false",
        "autoinstall_known_extensions = false",
        "allow_community_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        raw.execute(f"set {setting}")
