"""python -m tests.faults [--seed 7] [--count 1000 | --slice] [--seconds 540] [--only 17] [--mutations]

Results are added to --result line by line; the same command again goes on behind them. `--only N` repeats one fault,
whatever was noted; a fault with problems leaves its home and its log beside the world.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from tests.faults.campaign import Campaign, Record
from tests.faults.mutations import MUTATIONS
from tests.faults.plan import Planned, kinds_of, plan, slice_of
from tests.faults.report import table
from tests.faults.syscalls import why_not

MOST_TRIES = 25


def main() -> int:
    """Run a campaign; 1 where a fault had a consequence that it must not have, 2 where it was cut off by --seconds."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--slice", action="store_true", help="instead of --count: each kind of fault twice")
    parser.add_argument("--every", type=int, default=8, help="each such fault of a stage is followed to the job's end")
    parser.add_argument("--folder", type=Path, default=Path("test-artifacts/faults/world"))
    parser.add_argument("--result", type=Path, default=Path("test-artifacts/faults/result.jsonl"))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many seconds")
    parser.add_argument("--only", type=int, action="append", help="the numbers of faults to inject")
    parser.add_argument("--stage", action="append", help="the stages to disturb")
    parser.add_argument("--mutations", action="store_true", help="then break the product, and see that it is seen")
    options = parser.parse_args()
    if (reason := why_not()) is not None:
        print(reason, file=sys.stderr)
        return 3
    options.result.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + options.seconds
    done = _done(options.result, options.seed)
    count = options.count
    planned = list(plan(options.seed, count, options.every))
    if options.slice:
        planned = slice_of(options.seed, options.every)
        count = len(planned)
    if options.only:
        planned, done = [one for one in planned if one.number in options.only], {}
    planned = [one for one in planned if one.number not in done]
    if options.stage:
        planned = [one for one in planned if one.stage in options.stage]
    print(f"seed {options.seed}: {len(planned)} faults to inject, {len(done)} done before", flush=True)
    campaign = Campaign(options.folder.resolve(), lambda text: print(text, flush=True))
    costs: Counter[str] = Counter()
    for one in planned:
        if time.monotonic() > end:
            break
        before = _cpu()
        record = done[one.number] = campaign.inject(one, options.seed)
        costs[one.stage] += _cpu() - before
        _tell(record, count)
        _note(options.result, {"seed": options.seed, **asdict(record)})
        if record.problems:
            shutil.copytree(campaign.world.home, campaign.world.folder / f"failed-{one.number}", dirs_exist_ok=True)
            shutil.copyfile(campaign.log, campaign.world.folder / f"failed-{one.number}.log")
    print(table(done.values()))
    print("CPU seconds:", ", ".join(f"{stage} {spent:.0f}" for stage, spent in costs.items()))
    unseen = _mutations(campaign, options.seed, options.result) if options.mutations else []
    if unseen or any(record.problems or not record.fired for record in done.values()):
        return 1
    return 0 if options.only or options.stage or len(done) >= count else 2


def _mutations(campaign: Campaign, seed: int, result: Path) -> list[str]:
    """Break the product in each known way and inject faults until one shows it; the ways that none showed."""
    unseen = []
    for name, mutation in MUTATIONS.items():
        assert set(mutation.kinds) <= set(kinds_of(campaign.stages[mutation.stage])), name
        said = ""
        with mutation.on(), campaign.as_it_is_now(campaign.stages[mutation.stage]):
            for number in range(MOST_TRIES):
                kind = mutation.kinds[number % len(mutation.kinds)]
                record = campaign.inject(Planned(number, mutation.stage, kind, False), seed, mutation.where)
                if record.problems:
                    said = f"{kind}, {record.point}: {record.problems[0]}"
                    break
        print(f"broken: {name} ▸ " + (f"seen by fault {number + 1}: {said[:200]}" if said else "NOT SEEN"), flush=True)
        _note(result, {"mutation": name, "seen": said, "faults": number + 1})
        if not said:
            unseen.append(name)
    return unseen


def _done(path: Path, seed: int) -> dict[int, Record]:
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    noted = [line for line in lines if line.pop("seed", None) == seed]
    return {line["number"]: Record(**line) for line in noted}


def _note(path: Path, line: dict[str, object]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _tell(record: Record, count: int) -> None:
    what = f"{record.stage}, {record.kind}: {record.point}"
    ended = " ".join(record.ended.split())[:90]
    ending = "; ".join(record.problems) or "recovered" + (", to the end" if record.to_the_end else "")
    print(f"{record.number + 1}/{count} {what} ▸ {ended} ▸ {record.served} served ▸ {ending}", flush=True)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
