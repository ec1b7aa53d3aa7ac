"""dbt-duckdb plugin: dbt's connection is prepared like every other one of ours (`duck.connect`).

Named in `dbt_project/profiles.yml`; imported by dbt when it first opens the build database, never while it parses.
"""

from __future__ import annotations

import os
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from warehouse_models import home
from warehouse_models.lake import duck


class Plugin(BasePlugin):
    """Prepares the connection for Delta and bounds memory; downloads nothing."""

    def configure_connection(self, conn: Any) -> None:
        """Prepare the one connection of a dbt process; its cursors share what is set here."""
        duck.prepare(conn)
        conn.execute("SET GLOBAL TimeZone = 'UTC'")
        conn.execute(f"SET temp_directory = {duck.quoted(home.scratch())}")
        limit = os.environ.get("TENURE_MEMORY_LIMIT")
        if limit:
            conn.execute(f"SET memory_limit = {duck.quoted(limit)}")
