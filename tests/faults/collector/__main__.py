"""python -m tests.faults.collector [--seed 7] [--count 1000 | --slice] [--only 17] [--mutations]  (make faults)

Results are added to --result line by line; the same command again goes on behind them. `--only N` repeats one fault,
whatever was noted; a fault with problems leaves its home and its log beside the world.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.faults.collector.campaign import Campaign, Record
from tests.faults.collector.mutations import MUTATIONS
from tests.faults.collector.plan import Planned, plan, slice_of
from tests.faults.collector.report import table
from tests.faults.syscalls import why_not

MOST_TRIES = 25


def main() -> int:
    """Run a campaign; 1 where a fault lost or doubled something, 2 where it was cut off by --seconds."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.collector", description=__doc__)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--slice", action="store_true", help="instead of --count: each kind of fault once")
    parser.add_argument("--every", type=int, default=25, help="each such fault is followed to silver")
    parser.add_argument("--folder", type=Path, default=Path("test-artifacts/faults/collector"))
    parser.add_argument("--result", type=Path, default=Path("test-artifacts/faults/collector.jsonl"))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many seconds")
    parser.add_argument("--only", type=int, action="append", help="the numbers of faults to inject")
    parser.add_argument("--kind", action="append", help="the kinds of fault to inject")
    parser.add_argument("--share", default="1/1", help="only this share of them, as 1/2 and 2/2 in two processes")
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
    which, shares = map(int, options.share.split("/"))
    planned = [one for one in planned if one.number % shares == which - 1]
    if options.kind:
        planned = [one for one in planned if one.kind in options.kind]
    print(f"seed {options.seed}: {len(planned)} faults to inject, {len(done)} done before", flush=True)
    campaign = Campaign(options.folder.resolve())
    for one in planned:
        if time.monotonic() > end:
            break
        record = done[one.number] = campaign.inject(one, options.seed)
        _tell(record, count)
        _note(options.result, {"seed": options.seed, **asdict(record)})
        if record.problems:
            kept = campaign.world.folder / f"failed-{one.number}"
            shutil.copytree(campaign.world.home, kept, dirs_exist_ok=True)
            shutil.copyfile(campaign.world.log, kept.with_suffix(".log"))
    print(table(done.values()))
    unseen = _mutations(campaign, options.seed, options.result) if options.mutations else []
    if unseen or any(record.problems or not record.fired for record in done.values()):
        return 1
    return 0 if options.only or options.kind or shares > 1 or len(done) >= count else 2


def _mutations(campaign: Campaign, seed: int, result: Path) -> list[str]:
    """Break the product in each known way and inject faults until one shows it; the ways that none showed."""
    unseen = []
    for name, mutation in MUTATIONS.items():
        said = ""
        with mutation.on():
            for number in range(MOST_TRIES):
                kind = mutation.kinds[number % len(mutation.kinds)]
                shape = mutation.shapes[number % len(mutation.shapes)]
                record = campaign.inject(Planned(number, kind, shape, mutation.end, False, False), seed)
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
    what = f"{record.kind} ({record.shape}, {record.end}): {record.point}"
    ended = " ".join(record.ended.split())[:60]
    ending = "; ".join(record.problems) or ("mended" if record.fired else "DID NOT HAPPEN")
    counts = f"{record.acked} acked, {record.sent_again} again, {record.landed} landed"
    print(f"{record.number + 1}/{count} {what} ▸ {ended} ▸ {counts}, {record.seconds:.1f} s ▸ {ending}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
