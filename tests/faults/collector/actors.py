"""A process at work in an episode: a collector, a lander, clients; forked, and watched where it is to be struck."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from connectors.collector.landing.journals import land_journals
from tests.faults.collector.watch import JournalWatch, Strike
from tests.faults.collector.world import World
from tests.faults.injector import Child, Outcome
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake


class PortTaken(Exception):
    """Somebody else on this machine has the port of a collector."""


class Actor:
    """A process at work; with `strike` its changes of files are watched."""

    def __init__(self, act: Callable[[], Any], world: World, strike: Strike | None = None) -> None:
        self.act, self.strike = act, strike
        self.child = Child(act, world.log, watched=strike is not None)
        self.watch = JournalWatch(self.child, world.home, strike, world.log) if strike else None
        after = strike.seconds if strike else None
        self.due = None if after is None else self.child.started + after
        self.outcome: Outcome | None = None

    @property
    def is_over(self) -> bool:
        return self.child.is_over

    @property
    def fired(self) -> bool:
        return self.watch is not None and self.watch.fired

    def kill_when_due(self) -> None:
        """Kill it where its time has come."""
        if self.due is not None and time.monotonic() >= self.due and not self.is_over:
            assert self.watch is not None
            self.watch.fired, self.due = True, None
            self.child.kill()

    def reap(self, random: Random) -> Outcome:
        """How it ended, with what its end did to the disk."""
        if self.outcome is None:
            if self.watch is not None:
                self.watch.close_rival()
            self.outcome = self.child.close()
            if self.watch is not None:
                self.watch.after_its_end(random)
        return self.outcome


def land(journals: Path) -> int:
    """Land what the journals hold; how many segments."""
    lake = Lake()
    return land_journals(lake, Catalog(lake), journals).segments


def free_ports(count: int) -> list[int]:
    """Ports below those that connections take by themselves: one that is free between two collectors stays free."""
    ports: list[int] = []
    random = Random()
    while len(ports) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
    return ports
