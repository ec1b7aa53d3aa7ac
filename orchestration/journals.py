"""What collectors took, into bronze, from within Dagster: its outcome goes to the log, and it never ends a run."""

from __future__ import annotations

import logging
import math

from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake


def land_collected(lake: Lake, log: logging.Logger, *, most_seconds: float = math.inf) -> None:
    """Land the collectors' journals; after `most_seconds` no further segment is begun.

    A failure is logged: what was not landed waits in the journal for the next time, and files that landed meanwhile are
    not to wait for it.
    """
    from connectors.collector.landing.journals import land_journals
    from warehouse_models import home
    from warehouse_models.catalog.tenants import Catalog

    try:
        landed = land_journals(lake, Catalog(lake), home.journal_root(), most_seconds=most_seconds)
    except Exception as error:
        # Whatever it is: a disk that is full, a journal of another user's, a lake that is not mounted.
        why = str(error) if isinstance(error, TenureError) else f"{type(error).__name__}: {error}"
        log.error(f"what collectors took could not be landed: {why}")
        return
    if landed.segments:
        counts = f"{landed.accepted} events and {landed.hooks.added} deliveries of webhooks"
        log.info(f"{counts} landed out of journals, {landed.quarantined} quarantined")
    for path, why in landed.kept.items():
        log.error(f"{path} is kept: {why}")
