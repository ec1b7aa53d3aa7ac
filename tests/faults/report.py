"""The table of a campaign: stage by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.faults.campaign import Record
from tests.faults.plan import KINDS, WEIGHTS


def table(records: Iterable[Record]) -> str:
    """A Markdown table: how many faults fired, what was served after them, how many were mended by the next run."""
    by_fault: dict[tuple[str, str], Counter[str]] = {}
    for record in records:
        counts = by_fault.setdefault((record.stage, record.kind), Counter())
        counts["injected"] += 1
        counts["fired"] += record.fired
        counts[record.served] += 1
        counts["recovered"] += record.fired and not record.problems
        counts["to the end"] += record.fired and record.to_the_end
    columns = ("injected", "fired", "old", "new", "recovered", "to the end")
    lines = [
        "| stage | fault | injected | fired | old served | new served | recovered | followed to the end |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    total: Counter[str] = Counter()
    for stage in WEIGHTS:
        for kind in KINDS:
            if counts := by_fault.get((stage, kind)):
                total += counts
                lines.append(f"| {stage} | {kind} | " + " | ".join(str(counts[name]) for name in columns) + " |")
    lines.append("| **all** | | " + " | ".join(f"**{total[name]}**" for name in columns) + " |")
    return "\n".join(lines)
