"""A campaign: each fault of a plan is injected, the world is mended, what was acknowledged is compared with bronze."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.collector.episode import Episode, Result
from tests.faults.collector.plan import KINDS, Planned
from tests.faults.collector.world import make, warm

_TRIES = 6


@dataclass
class Record:
    """What one fault did.

    `acked`: events that clients were told are kept; `sent_again`: requests that were sent more than once; `landed`:
    rows in bronze; `tried`: how often it was tried until it happened; `problems`: what must not be.
    """

    number: int
    kind: str
    shape: str
    end: str
    to_silver: bool
    point: str = ""
    fired: bool = False
    ended: str = ""
    acked: int = 0
    sent_again: int = 0
    landed: int = 0
    tried: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


class Campaign:
    """The world of a campaign."""

    def __init__(self, folder: Path) -> None:
        os.environ["TENURE_HOME"] = str(folder / "home")
        os.environ.pop("TENURE_LAKE", None)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        warm()
        self.world = make(folder)

    def inject(self, planned: Planned, seed: int) -> Record:
        """Inject one fault; where its point is not reached, an earlier one is tried, then the first."""
        random, began = Random(f"{seed}/{planned.number}/point"), time.monotonic()
        kind = KINDS[planned.kind]
        # One lander that lands everything has more to do than one of several.
        reach = kind.reach * (3 if kind.strikes == "lander" and planned.shape == "alone" else 1)
        skip, seconds = random.randrange(reach), random.random() * 0.8
        record = Record(planned.number, planned.kind, planned.shape, planned.end, planned.to_silver)
        for _ in range(_TRIES):
            self.world.log.unlink(missing_ok=True)
            record.tried += 1
            result = Episode(self.world, planned, f"{seed}/{planned.number}/{record.tried}", skip, seconds).run()
            if result.fired or result.problems:
                break
            skip, seconds = skip // 2, seconds / 2
        _fill(record, result)
        record.seconds = time.monotonic() - began
        return record


def _fill(record: Record, result: Result) -> None:
    record.fired, record.point, record.ended = result.fired, result.point, result.ended
    record.problems, record.landed = result.problems, result.landed
    attempts = result.sent.attempts
    record.acked = len({name for attempt in attempts if attempt.acks for name in attempt.good})
    record.sent_again = len(attempts) - len({(one.source, *one.good, *one.bad) for one in attempts})
