"""One fault from beginning to end: who is at work, what strikes whom, and how the world is mended.

collectors, clients, landers at work ─▶ the fault ─▶ what died is started again ─▶ all is acknowledged
    ─▶ the last landing, and one more ─▶ judge.py
"""

from __future__ import annotations

import math
import os
import select
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from connectors.collector.serve import Binding, serve
from tests.faults.collector.actors import Actor, PortTaken, free_ports, land
from tests.faults.collector.client import Told, send_all
from tests.faults.collector.judge import Held, held, problems
from tests.faults.collector.plan import KINDS, Kind, Planned
from tests.faults.collector.watch import Strike
from tests.faults.collector.world import World, land_file
from warehouse_models.lake.lake import Lake

_PATIENCE = 120.0
# Of clients between two requests while somebody lands, so that a landing does not come after all traffic.
_PAUSE = 0.08


@dataclass
class Result:
    """What became of one fault. `fired`: it happened; `point`: where."""

    fired: bool = False
    point: str = ""
    ended: str = ""
    problems: list[str] = field(default_factory=list)
    sent: Told = field(default_factory=Told)
    landed: int = 0


class Episode:
    """Everybody at work for one fault. `skip`: at which of its points the fault happens."""

    def __init__(self, world: World, planned: Planned, seed: str, skip: int, seconds: float) -> None:
        self.world, self.planned, self.kind = world, planned, KINDS[planned.kind]
        self.seed, self.random = seed, Random(f"{seed}/episode")
        self.strike = self._strike(self.kind, skip, seconds)
        self.collectors: list[Actor | None] = []
        self.landers: list[Actor] = []
        self.clients: Actor | None = None
        self.landed = 0
        self.result = Result()
        self.ports = free_ports(2 if planned.shape == "two" else 1)

    def run(self) -> Result:
        """Run it, judge it, leave no process behind."""
        self.world.restore(self.planned.is_first)
        try:
            sent = self._traffic()
            self._end_collectors()
            after = self._landed()
            if self.kind.strikes == "network":
                self.result.fired, self.result.point = sent.disturbed > 0, f"{sent.disturbed} times"
            self.result.sent, self.result.landed = sent, len(after.events)
            before = self.world.before[self.planned.is_first]
            self.result.problems += problems(sent, after, self.world.devices, before)
        except PortTaken:
            self.result.fired = False  # somebody else on this machine: it is tried again
        except RuntimeError as error:
            self.result.problems.append(str(error))
        finally:
            for actor in self._all():
                actor.child.kill()
                actor.reap(self.random)
        return self.result

    # -- who is at work ------------------------------------------------------------------------------------------------
    def _strike(self, kind: Kind, skip: int, seconds: float) -> Strike | None:
        if kind.strikes == "network":
            return None
        if kind.how == "after":
            return Strike("kill", seconds=seconds, where=lambda point: False)
        rival = None
        if kind.how == "rival" and self.random.random() < 0.5:
            rival = self._other_landing()
        elif kind.how in ("rival", "conflict"):
            rival = self._copy_of_it()
        refusals = self.random.randint(1, 6) if kind.strikes == "collector" else 1_000_000
        return Strike(
            kind.how, part=self.random.random(), where=kind.where, skip=skip, refusals=refusals,
            rival=rival, patience=60.0,
        )  # fmt: skip

    def _other_landing(self) -> Callable[[], Any]:
        """Somebody lands a file of a tenant of ours, or another lander comes to the same journals."""
        if self.random.random() < 0.5:
            return partial(land_file, self.world.folder / f"rival-{self.planned.number}.jsonl", "bolt")
        return partial(land, self.world.journals)

    def _copy_of_it(self) -> Callable[[], Any]:
        """A lander of another host with a copy of the closed segments: the position in Delta is all that both share."""
        journals, copy = self.world.journals, self.world.folder / "copy"

        def act() -> None:
            shutil.rmtree(copy, ignore_errors=True)
            for path in journals.glob("*/*.log"):
                (copy / path.parent.name).mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):  # landed meanwhile
                    shutil.copyfile(path, copy / path.parent.name / path.name)
            land(copy)

        return act

    def _start_collector(self, number: int, strike: Strike | None = None) -> Actor:
        return self._start(partial(serve, Lake(), Binding("127.0.0.1", self.ports[number])), strike)

    def _start(self, act: Callable[[], Any], strike: Strike | None) -> Actor:
        actor = Actor(act, self.world, strike)
        if actor.watch is not None:
            actor.watch.blackout = partial(self._end_all_but, actor)
        return actor

    def _end_all_but(self, struck: Actor) -> None:
        for actor in self._all():
            if actor is not struck and actor is not self.clients and actor.outcome is None:
                actor.child.kill()
                actor.reap(self.random)

    def _all(self) -> list[Actor]:
        return [actor for actor in (*self.collectors, *self.landers, self.clients) if actor is not None]

    # -- the traffic ---------------------------------------------------------------------------------------------------
    def _traffic(self) -> Told:
        """Until the clients know that all has arrived."""
        struck = self.strike if self.kind.strikes == "collector" else None
        self.collectors = [
            self._start_collector(0, struck),
            *(self._start_collector(n) for n in range(1, len(self.ports))),
        ]
        is_busy = self.planned.shape != "alone"
        how = self.kind.how if self.kind.strikes == "network" else ""
        send: Callable[[], Told] = partial(
            send_all, self.world.devices, self.ports, self.seed, how, _PAUSE if is_busy else 0.0
        )
        self.clients = Actor(send, self.world)
        next_landing, end = math.inf, time.monotonic() + _PATIENCE
        while not self.clients.is_over:
            if time.monotonic() > end:
                raise RuntimeError("the clients are not done")
            self._turn(0.05)
            self._mend_collectors()
            if is_busy and not self.landers and time.monotonic() > next_landing:
                self._start_landing()
                next_landing = math.inf
            self._mend_landers()
            if not self.landers and next_landing == math.inf and self._has_something():
                next_landing = time.monotonic() + self.random.random() / 10
        outcome = self.clients.reap(self.random)
        self.clients = None
        if outcome.error or outcome.killed:
            raise RuntimeError(f"the clients: {outcome.error}")
        sent: Told = outcome.result
        self._until_landed(end)
        if self.kind.strikes == "lander" and not self.result.point:
            # The collectors go on, or were never at work with a lander.
            if not is_busy:
                self._end_collectors()
            self._start_landing()
            self._until_landed(end)
        return sent

    def _start_landing(self) -> None:
        """A lander; one is struck, and until then each may be."""
        struck = self.strike if self.kind.strikes == "lander" and not self.result.point else None
        self.landers.append(self._start(partial(land, self.world.journals), struck))

    def _until_landed(self, end: float) -> None:
        while self.landers:
            if time.monotonic() > end:
                raise RuntimeError("a lander is not done")
            self._turn(0.05)
            self._mend_collectors()
            self._mend_landers()

    def _has_something(self) -> bool:
        """Whether a journal holds anything; a landing of nothing is struck where nothing matters."""
        with suppress(FileNotFoundError):
            return any(path.stat().st_size for path in self.world.journals.glob("*/*-*.*"))
        return False

    def _turn(self, patience: float) -> None:
        """Answer whoever asks, for a moment."""
        poll, heard = select.poll(), {}
        for actor in self._all():
            actor.kill_when_due()
            if actor.is_over or actor.outcome is not None:
                continue
            descriptors: dict[int, Callable[[], None] | None] = {actor.child.reader: actor.child.read}
            if actor.watch is not None and actor.child.listener is not None:
                descriptors[actor.child.listener.descriptor] = None
            for descriptor, read in descriptors.items():
                poll.register(descriptor, select.POLLIN)
                heard[descriptor] = actor, read
        for descriptor, event in poll.poll(1000 * patience):
            actor, read = heard[descriptor]
            if actor.outcome is not None:
                continue  # ended by another one's power cut, in this moment
            if read is not None:
                read()
            elif actor.watch is not None:
                actor.watch.handle(event)

    def _mend_collectors(self) -> None:
        for actor in self._all():
            if actor.watch is not None and actor.watch.is_power_cut:
                # It ends at once, and so did all others.
                if actor.is_over:
                    self._all_die(actor)
                return
        for number, actor in enumerate(self.collectors):
            if actor is None or not actor.is_over:
                continue
            self._note(actor)
            again = None
            if actor.fired and self.planned.kind == "collector killed twice" and not self.result.point.count("then"):
                again = Strike("kill", where=lambda point: True, skip=self.random.randrange(10))
            self.collectors[number] = self._start_collector(number, again)

    def _all_die(self, struck: Actor) -> None:
        """The power is gone for all; what the disk lost is known of the one that was watched."""
        self._end_all_but(struck)
        self._note(struck)
        self.landers = []
        self.collectors = [
            None if actor is None else self._start_collector(number) for number, actor in enumerate(self.collectors)
        ]

    def _mend_landers(self) -> None:
        for actor in list(self.landers):
            if actor.is_over and not any(one.watch and one.watch.is_power_cut for one in self._all()):
                self.landers.remove(actor)
                self._note(actor)
                if again := self._struck_again(actor):
                    self.landers.append(self._start(partial(land, self.world.journals), again))

    def _struck_again(self, actor: Actor) -> Strike | None:
        if actor.fired and self.planned.kind == "lander killed twice" and "then" not in self.result.point:
            return Strike("kill", where=lambda point: True, skip=self.random.randrange(8))
        return None

    def _note(self, actor: Actor) -> None:
        """Reap it, and remember what the fault was."""
        outcome = actor.reap(self.random)
        ended = "killed" if outcome.killed else outcome.error or "went on"
        if "it cannot be listened to" in (outcome.error or ""):
            raise PortTaken
        if actor.watch is None:
            if outcome.killed or outcome.error:
                raise RuntimeError(f"a process that nothing struck: {ended}")
            return
        if not actor.watch.fired or (self.kind.how == "after" and not outcome.killed):
            if outcome.error:
                raise RuntimeError(f"a process that nothing struck: {ended}")
            return
        is_second = bool(self.result.point)
        where = str(actor.watch.point or f"{(actor.strike or Strike('')).seconds or 0:.2f} s")
        self.result.point += f", then {where}" if is_second else where
        self.result.ended = ended
        self.result.fired = is_second or "twice" not in self.planned.kind
        if actor.watch.rival_error:
            self.result.problems.append(f"the rival: {actor.watch.rival_error}")

    # -- the end -------------------------------------------------------------------------------------------------------
    def _end_collectors(self) -> None:
        """Stop or kill the collectors, or leave them running: the lander asks them to close what they write."""
        for actor in self.collectors:
            if actor is not None and actor.watch is not None and self.kind.how == "power" and not actor.fired:
                actor.watch.fault = None  # there must be somebody at work whom the power fails
        if self.planned.end == "running":
            return
        self._tell_running()
        for number, actor in enumerate(self.collectors):
            if actor is None:
                continue
            if self.planned.end == "stopped":
                os.kill(actor.child.pid, signal.SIGTERM)
                self._until_over(actor)
            else:
                actor.child.kill()
            if actor.fired and not self.result.point:
                self._note(actor)
            else:
                outcome = actor.reap(self.random)
                # One that has just been started ends by the signal itself.
                ended = outcome.error or "killed" * outcome.killed
                if self.planned.end == "stopped" and ended not in ("", f"it ended with {-signal.SIGTERM}"):
                    raise RuntimeError(f"a collector that was told to stop: {ended}")
            self.collectors[number] = None

    def _until_over(self, actor: Actor) -> None:
        end = time.monotonic() + 30
        while not actor.is_over:
            if time.monotonic() > end:
                raise RuntimeError("a collector does not stop")
            self._turn(0.05)

    def _landed(self) -> Held:
        """Land what is left, and once more, where nothing must be left; what the lake holds then."""
        self._tell_running()
        journals, to_silver = self.world.journals, self.planned.to_silver

        def act() -> Held:
            land(journals)
            again = land(journals)
            contents = held(journals, to_silver=to_silver)
            if again:
                contents.journal.append(f"{again} segments at the second landing")
            return contents

        last = Actor(act, self.world)
        self.landers.append(last)
        end = time.monotonic() + _PATIENCE
        while not last.is_over:
            if time.monotonic() > end:
                raise RuntimeError("the last landing is not done")
            self._turn(0.05)
        self.landers.remove(last)
        self._tell_running()
        outcome = last.reap(self.random)
        if outcome.error or outcome.killed:
            raise RuntimeError(f"the last landing: {outcome.error or 'it was killed'}")
        contents: Held = outcome.result
        return contents

    def _tell_running(self) -> None:
        """Note a collector that was struck, and goes on or is not started again."""
        for actor in self.collectors:
            if actor is None or actor.watch is None or self.result.point:
                continue
            # Killed when its time had come it has no point, and is about to be over.
            if actor.fired and actor.watch.point is not None:
                self.result.point, self.result.ended, self.result.fired = str(actor.watch.point), "went on", True
