"""A campaign: each fault of a plan is injected, judged, and mended by the next run.

after the fault     every principal is served the old state, or every principal the new one
the next run        every table of the step as if nothing had happened, and the step behind it is told of all of it
to the end (some)   bronze, silver, gold, build database and everything served as if nothing had happened
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from orchestration.audit import suites
from orchestration.audit.rules import checks_hash
from tests.faults import forked_dbt, state
from tests.faults.injector import Fault, Outcome, Point, calm, run
from tests.faults.plan import Planned, choose
from tests.faults.stages import SCENARIOS, Act, Stage, finish, land, prepare, stages
from tests.faults.world import SHARD, TENANTS, World
from transforms.definition import transforms
from transforms.engines.duckdb import split, translate
from warehouse_models.lake import duck
from warehouse_models.specs import all_specs

Served = Mapping[str, str]


@dataclass
class Record:
    """What one fault did. `served`: old or new; `ended`: how the disturbed step ended; `problems`: what must not be."""

    number: int
    stage: str
    kind: str
    point: str = ""
    fired: bool = False
    served: str = ""
    ended: str = ""
    to_the_end: bool = False
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


class Campaign:
    """The world of a campaign: kept states, what undisturbed runs end in, and the points of each stage."""

    def __init__(self, folder: Path, tell: Callable[[str], None] = lambda text: None) -> None:
        os.environ["TENURE_HOME"] = str(folder / "home")
        os.environ.pop("TENURE_LAKE", None)
        shutil.rmtree(folder, ignore_errors=True)
        self.world, self.log, self.tell, self.stages = World(folder), folder / "log", tell, stages()
        self.world.write()
        self.world.home.mkdir()
        _warm()
        self.points: dict[str, list[Point]] = {}
        self.took: dict[str, float] = {}
        self.versions: dict[str, dict[str, int | None]] = {}
        self.served: dict[str, Served] = {}
        self.layers: dict[tuple[str, bool], Any] = {}
        self.ends: dict[tuple[str, bool], Any] = {}
        self._undisturbed()

    def _undisturbed(self) -> None:
        """Run both scenarios to their end, and keep what each stage starts from and ends in."""
        self._calm(prepare)
        for scenario in reversed(SCENARIOS):
            if scenario == "more":
                # Published, and some of the second delivery has landed already.
                self._calm(partial(land, batches=["around"]))
            for stage in (stage for stage in self.stages.values() if stage.scenario == scenario):
                self.tell(f"undisturbed: {stage.name}")
                self.world.keep(stage.start)
                self.served[stage.start], self.versions[stage.start] = calm(
                    lambda: (state.served(), state.starting_versions()), self.log
                )
                outcome = run(partial(stage.act, self.world), self.world.home, self.log)
                if outcome.error:
                    raise RuntimeError(f"{stage.name}, undisturbed: {outcome.error}")
                self.points[stage.name], self.took[stage.name] = sorted(outcome.points, key=str), outcome.seconds
                self.layers[stage.name, False] = self._layers(stage)
                self.served[stage.name] = calm(state.served, self.log)
            self.ends[scenario, False] = self._all()

    def _calm(self, act: Act) -> None:
        calm(partial(act, self.world), self.log)

    def _layers(self, stage: Stage) -> Any:
        since = self.versions[stage.start]
        return calm(lambda: (state.tables(stage.layers), state.trails(since, stage.layers)), self.log)

    def _all(self) -> Any:
        # What waits to be published is struck off by the next run, whenever that comes.
        tables, now = calm(lambda: (state.tables(), state.served()), self.log)
        tables.pop("build/control.changes", None)
        return tables, now

    def _with_news(self, stage: Stage, news: bool) -> Any:
        """What the stage's tables hold and tell after an undisturbed run; `news`: with the rival's file landed."""
        if (stage.name, news) not in self.layers:
            self._aside(stage.start, partial(stage.again, news=news))
            self.layers[stage.name, news] = self._layers(stage)
            self._back()
        return self.layers[stage.name, news]

    def _end(self, stage: Stage, news: bool) -> Any:
        if (stage.scenario, news) not in self.ends:
            self._aside(f"{stage.scenario}/0", partial(finish, scenario=stage.scenario, news=news))
            self.ends[stage.scenario, news] = self._all()
            self._back()
        return self.ends[stage.scenario, news]

    def _aside(self, start: str, act: Act) -> None:
        self.world.keep("aside")
        self.world.restore(start)
        self._calm(act)

    def _back(self) -> None:
        self.world.restore("aside")

    # -- one fault -----------------------------------------------------------------------------------------------------
    def inject(self, planned: Planned, seed: int, where: str = "") -> Record:
        """Inject one fault of the plan; where it does not fire (another thread was faster), other points are tried.

        `where`: a part of the path that its point has to have.
        """
        stage, random = self.stages[planned.stage], Random(f"{seed}/{planned.number}")
        for attempt in range(5):
            bind = partial(partial, world=self.world)
            points = [point for point in self.points[stage.name] if where in point.path]
            # The stage may be over sooner than it was undisturbed, on a machine that others used then.
            seconds = self.took[stage.name] / 2**attempt
            fault = choose(stage, planned.kind, points, seconds, random, bind)
            self.log.unlink(missing_ok=True)
            self.world.restore(stage.start)
            record = Record(planned.number, stage.name, planned.kind, to_the_end=planned.to_the_end)
            record.point = str(fault.point or f"{fault.seconds:.2f} s")
            try:
                self._judge(record, stage, fault, random)
            except RuntimeError as error:
                record.problems.append(str(error))
            if record.fired or record.problems:
                break
        return record

    @contextmanager
    def as_it_is_now(self, stage: Stage) -> Iterator[None]:
        """Inside, the points of a stage are those of a product that was changed since (by a mutation).

        RuntimeError where it fails undisturbed: then no fault would show anything.
        """
        self.world.restore(stage.start)
        outcome, before = run(partial(stage.act, self.world), self.world.home, self.log), self.points[stage.name]
        if outcome.error:
            raise RuntimeError(f"{stage.name}, undisturbed: {outcome.error}")
        self.points[stage.name] = sorted(outcome.points, key=str)
        yield
        self.points[stage.name] = before

    def _judge(self, record: Record, stage: Stage, fault: Fault, random: Random) -> None:
        act, news = partial(stage.act, self.world), record.kind in stage.news
        outcome = run(act, self.world.home, self.log, fault)
        if record.kind == "killed twice" and outcome.fired:
            # What is left to do, at least: a later change might never come.
            index = random.randrange(max(1, len(self.points[stage.name]) - len(outcome.points)))
            record.point += f", then before change {index + 1}"
            outcome = run(act, self.world.home, self.log, Fault("kill", index=index))
        record.fired, record.seconds, record.ended = outcome.fired, outcome.seconds, _ended(outcome)
        if not outcome.fired:
            return
        # Who publishes concerns everybody; before that one tenant and the file over all will do.
        tenants = TENANTS if "gold/" in stage.layers else (random.choice(TENANTS),)
        now = calm(partial(state.served, tenants), self.log)
        old, new = self.served[stage.start], self.served[stage.name]
        answers = {"old": old, "new": new}
        record.served = next((word for word, answer in answers.items() if _agree(now, answer)), "neither")
        if record.served == "neither":
            record.problems.append(f"served is neither old nor new: {_differing(now, old)} / {_differing(now, new)}")
        wanted, news_of = self._with_news(stage, news)
        self._calm(partial(stage.again, news=news))
        tables, said = self._layers(stage)
        record.problems += [
            f"{name}: {tables.get(name)}, not {wanted.get(name)}" for name in _differing(tables, wanted)
        ]
        for address, changed in news_of.items():
            if "everything" not in said[address] and not changed <= said[address]:
                record.problems.append(f"{address}: nobody is told of {sorted(changed - said[address])}")
        if "gold/" in stage.layers:
            record.problems += self._published(stage)
        if record.to_the_end and not record.problems:
            self._to_the_end(record, stage, news)

    def _published(self, stage: Stage) -> list[str]:
        now = calm(state.served, self.log)
        left = state.leftovers(self.world.home / "published")
        differences = (
            [f"served differs: {_differing(now, self.served[stage.name])}"] if now != self.served[stage.name] else []
        )
        return differences + [f"left behind: {name}" for name in left]

    def _to_the_end(self, record: Record, stage: Stage, news: bool) -> None:
        wanted, shown = self._end(stage, news)
        self._calm(partial(finish, scenario=stage.scenario, news=news))
        tables, now = self._all()
        record.problems += [
            f"at the end, {name}: {tables.get(name)}, not {wanted.get(name)}" for name in _differing(tables, wanted)
        ]
        record.problems += [f"at the end, {name} is served something else" for name in _differing(now, shown)]


def _warm() -> None:
    """Import, parse and check once what every child would have to; opens nothing that a fork must not inherit."""
    # DuckDB and delta-rs import it at the first table that they are given.
    import_module("pyarrow.dataset")
    forked_dbt.parse(SHARD)
    suites.great_expectations_module()
    duck.verified("delta")
    all_specs()
    for transform in transforms().values():
        split(transform.sql, transform.materialize)
        translate(transform.touched_sql or "select 1")
    checks_hash()
    # What is there by now lives on: a child that looked through it for garbage would copy each page of it.
    gc.collect()
    gc.freeze()


def _agree(now: Served, expected: Served) -> bool:
    """Whether what some principals are served is what was told of all; before the first publication nobody is."""
    return all(expected.get(name) == digest for name, digest in now.items()) and bool(now) == bool(expected)


def _differing(actual: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*actual, *wanted} if actual.get(name) != wanted.get(name))


def _ended(outcome: Outcome) -> str:
    if outcome.killed:
        return "killed"
    rival = f"; rival: {outcome.rival_error}" if outcome.rival_error else ""
    return (outcome.error or "went on") + rival
