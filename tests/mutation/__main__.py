"""Runs the mutants of `<layer>.yaml`: each is one edit of one SQL text, and must change what comes out.

    python -m tests.mutation [silver] [gold] [revenue] [--only WORDS] [--histories 120] [--seed 1]

A mutant is killed when its table (silver) or any mart (gold, revenue) differs from the oracle after random histories
came in three batches: those of `tests/support/histories/` (events; for revenue, revenue). Of silver only the mutated
table is computed: what it reads is taken from an unmutated run. A survivor needs a harder history or a worked example.
Exit code 1 names survivors.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

import transforms.definition as definition
from orchestration.gold import control
from orchestration.gold.dbt.process import DbtProcess
from orchestration.gold.plan import plan
from tests.e2e.test_revenue import expected, revenue
from tests.support.any_order import BATCHES, Tables, World, difference
from tests.support.histories.events import History, history
from tests.support.histories.revenue import billing_history
from tests.support.lakes import silver
from tests.support.oracle.whole import SILVER
from transforms.runner import run_transforms
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake

HERE = Path(__file__).parent
Mutant = dict[str, Any]
# Where gold differs without an edit, every mutant would pass for killed.
_NOTHING: Mutant = {"file": "dbt_project.yml", "find": "", "replace": "", "rule": "nothing"}


def mutants(layer: str) -> list[Mutant]:
    """Entries of a list: `file` below the layer's folder, `find` → `replace` (every occurrence), `rule`."""
    return list(yaml.safe_load((HERE / f"{layer}.yaml").read_text(encoding="utf-8")))


def edited(text: str, mutant: Mutant) -> str:
    """The text with the mutant's edit; ValueError where the edit finds nothing."""
    if mutant["find"] not in text:
        raise ValueError(f"{mutant['file']}: the text of the mutant is not there any more: {mutant['find']}")
    return text.replace(mutant["find"], mutant["replace"])


class Campaign:
    """The unmutated run, frozen after each batch, and what the oracle says of it."""

    tell: Callable[[int, int], History] = staticmethod(history)

    def __init__(self, folder: Path, seeds: range) -> None:
        self.folder, self.frozen = folder, [folder / f"batch{number}" for number in range(BATCHES)]
        os.environ["TENURE_HOME"] = str(folder / "tenure")
        self.world = World.of(seeds, self.tell)
        for batch, frozen in enumerate(self.frozen):
            self.world.land(batch, folder / "drop", by_file=0)
            self.world.run_silver()
            _link(Path(self.world.lake.root), frozen)
        self.expect()

    def expect(self) -> None:
        """Ask the oracle."""
        self.silver, self.gold = self.world.expected()
        differences = difference(self.world.silver(), self.silver)
        if differences:
            raise SystemExit(f"without a mutant silver differs already: {differences}")

    def marts(self) -> Tables:
        """What the oracle's gold is compared with."""
        return self.world.gold()

    def silver_mutant(self, mutant: Mutant) -> list[str]:
        """What differs in the mutated table."""
        address = "silver/" + mutant["file"].split(".")[0]
        root = Path(tempfile.mkdtemp(dir=self.folder))
        with _transforms(root / "sql", mutant):
            for frozen in self.frozen:
                _link(frozen, root / "lake", without=f"shards/pool/{address}")
                lake = Lake(str(root / "lake"))
                run_transforms(lake, "pool", only=[address])
        tables = {address: Counter(silver(lake, address, SILVER[address]))}
        shutil.rmtree(root)
        return difference(tables, {address: self.silver[address]})

    def gold_mutant(self, mutant: Mutant) -> list[str]:
        """What differs in any mart: after a first run over everything but the last batch and, then, over that."""
        root = Path(tempfile.mkdtemp(dir=self.folder))
        project = root / "project"
        shutil.copytree(gold_models.PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
        path = project / mutant["file"]
        path.write_text(edited(path.read_text(encoding="utf-8"), mutant), encoding="utf-8")
        before = gold_models.PROJECT, os.environ["TENURE_HOME"]
        gold_models.PROJECT, os.environ["TENURE_HOME"] = project, str(root / "tenure")
        try:
            for frozen in self.frozen[1:] if mutant.get("steps") else self.frozen[-1:]:
                _build(Lake(str(frozen)))
            return difference(self.marts(), self.gold)
        except AssertionError as error:
            return [str(error).strip().splitlines()[0]]
        finally:
            gold_models.PROJECT, os.environ["TENURE_HOME"] = before
            shutil.rmtree(root)


class RevenueCampaign(Campaign):
    """The same with billing histories, of which revenue's oracle speaks."""

    tell = staticmethod(billing_history)

    def expect(self) -> None:
        """See Campaign.expect."""
        self.gold = expected(self.world, BATCHES)

    def marts(self) -> Tables:
        """See Campaign.marts."""
        return revenue(self.world)


def _build(lake: Lake) -> None:
    """Run the models without tests: here the oracle judges."""
    with DbtProcess("pool") as dbt:
        path = home.build_path("pool")
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = duck.connect(path)
        tenants = Catalog(lake).tenants("pool")
        control.create(connection)
        work = plan(connection, lake.shard("pool"), tenants, run=time.time_ns() // 1000)
        control.prepare(connection, lake.shard("pool"), tenants, work, publications=[], audit_whole=[])
        connection.close()
        nodes, error = dbt.run({"run": True, "full_refresh": work.full}, lambda _: None)
    failed = [f"{node['name']}: {node['message']}" for node in nodes if node["status"] != "success"]
    assert error is None, f"the run failed: {failed or error}"


@contextmanager
def _transforms(folder: Path, mutant: Mutant) -> Iterator[None]:
    """The SQL of `transforms/` with a mutant in it, instead of the product's."""
    before = definition.FOLDER
    shutil.copytree(before, folder, ignore=lambda _, names: [n for n in names if n.endswith((".py", ".pyc"))])
    path = folder / mutant["file"]
    path.write_text(edited(path.read_text(encoding="utf-8"), mutant), encoding="utf-8")
    definition.FOLDER = folder
    definition.transforms.cache_clear()
    try:
        yield
    finally:
        definition.FOLDER = before
        definition.transforms.cache_clear()


def _link(source: Path, target: Path, without: str = "") -> None:
    """`source` in `target` as hard links, but for one folder; what is there already stays."""

    def link(file: str, into: str) -> None:
        if not Path(into).exists():
            os.link(file, into)

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if without and Path(folder, name) == source / without]

    shutil.copytree(source, target, copy_function=link, ignore=left_out, dirs_exist_ok=True)


def main() -> int:
    """The command line; prints one line a mutant."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.split("\n\n")[0])
    parser.add_argument("layers", nargs="*", default=["silver", "gold", "revenue"])
    parser.add_argument("--only", default="")
    parser.add_argument("--histories", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    survivors, count = 0, 0
    seeds = range(arguments.seed, arguments.seed + arguments.histories)
    with tempfile.TemporaryDirectory() as folder:
        campaigns: dict[type[Campaign], Campaign] = {}
        for layer in arguments.layers:
            kind = RevenueCampaign if layer == "revenue" else Campaign
            if kind not in campaigns:
                campaigns[kind] = kind(Path(folder) / kind.__name__, seeds)
            judge = campaigns[kind].silver_mutant if layer == "silver" else campaigns[kind].gold_mutant
            if layer != "silver" and (differences := judge(_NOTHING)):
                raise SystemExit(f"without a mutant {layer} differs already: {differences}")
            for mutant in mutants(layer):
                if arguments.only not in f"{mutant['file']} {mutant['rule']}":
                    continue
                started = time.monotonic()
                differences = judge(mutant)
                count, survivors = count + 1, survivors + (not differences)
                said = differences[0][:110] if differences else "no table differs"
                verdict = "killed  " if differences else "SURVIVED"
                print(f"{verdict} {time.monotonic() - started:4.1f} s  {mutant['file']}: {mutant['rule']} — {said}")
                sys.stdout.flush()
    print(f"{count} mutants, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
