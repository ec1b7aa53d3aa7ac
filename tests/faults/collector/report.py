"""The table of a campaign: a line a kind of fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.faults.collector.campaign import Record
from tests.faults.collector.plan import KINDS

_COLUMNS = ("injected", "fired", "mended", "acked", "again", "landed", "silver")


def table(records: Iterable[Record]) -> str:
    """A Markdown table: faults injected, those that happened, those after which acked = landed; events and requests."""
    by_kind: dict[str, Counter[str]] = {}
    for record in records:
        counts = by_kind.setdefault(record.kind, Counter())
        counts["injected"] += 1
        counts["fired"] += record.fired
        counts["mended"] += record.fired and not record.problems
        counts["acked"] += record.acked
        counts["again"] += record.sent_again
        counts["landed"] += record.landed
        counts["silver"] += record.fired and record.to_silver
    lines = [
        "| fault | injected | fired | acked = landed | events acknowledged | requests sent again | rows in bronze "
        "| silver compared |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    total: Counter[str] = Counter()
    for kind in KINDS:
        if counts := by_kind.get(kind):
            total += counts
            lines.append(f"| {kind} | " + " | ".join(f"{counts[name]:,}" for name in _COLUMNS) + " |")
    lines.append("| **all** | " + " | ".join(f"**{total[name]:,}**" for name in _COLUMNS) + " |")
    return "\n".join(lines)
