"""Random billing histories, published after every batch: what is restated, and why, is what the definitions say.

A failure names tenants `h<seed>`: `tests.support.histories.restated.restated_history(seed)` is what was told of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from orchestration.publish.publish import publish
from tests.support.any_order import BATCHES, World, difference
from tests.support.histories.restated import RestatedHistory, restated_history
from tests.support.oracle.billing import Records
from tests.support.oracle.restatements import CAUSES, MART, RATES, Publication, causes, figures, restated
from warehouse_models.catalog.tenants import Catalog

HISTORIES = 40
BY_FILE = 2
Rows = Counter[tuple[Any, ...]]
# The least by which amounts and counts differ.
_WHOLE = Decimal(1)
# (month, figure) → (value, currency)
Shown = dict[tuple[date, str], tuple[Decimal | None, str]]


class Story:
    """The world as the oracle follows it: of each tenant its last publication and what was restated before it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.published: dict[str, Publication] = {}
        self.shown: dict[str, Shown] = {}
        self.kept = Rows()
        self.causes = Counter[str]()

    def knows(self, tenant: str, batch: int) -> tuple[Records, dict[str, Any]]:
        """A tenant's records and settings when a batch is run."""
        history = self.world.histories[tenant]
        assert isinstance(history, RestatedHistory)
        landed = (one for deliveries in history.batches[: batch + 1] for one in deliveries)
        return Records.of(landed), history.settings_at(batch)

    def expected(self, batch: int) -> Rows:
        """fct_restatements after the run over a batch."""
        rows = Rows(self.kept)
        for tenant, publication in self.published.items():
            rows.update(restated(tenant, publication, *self.knows(tenant, batch)))
        return rows

    def follow(self, batch: int, versions: dict[str, int], shown: dict[str, Shown], rows: Rows) -> None:
        """Take note of a publication: what it says is what is restated from now on."""
        for tenant, version in versions.items():
            if publication := self.published.get(tenant):
                self.causes.update(causes(publication, *self.knows(tenant, batch)))
                self.kept.update({row: n for row, n in rows.items() if row[:2] == (tenant, publication.version)})
            self.published[tenant] = Publication(version, *self.knows(tenant, batch))
            self.shown[tenant] = shown.get(tenant, {})

    def unexplained(self, now: dict[str, Shown], rows: Rows) -> list[str]:
        """Where the deltas of a figure do not add up to the difference between then and now."""
        deltas: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for tenant, version, figure, month, *_, delta in rows:
            deltas[tenant, version, (month, figure)] += delta
        gaps = []
        for tenant, published in self.published.items():
            for at, (was, currency) in self.shown[tenant].items():
                is_now, its = now.get(tenant, {}).get(at, (None, currency))
                # Another currency is matched with nothing.
                after = is_now if its == currency else None
                delta = deltas[tenant, published.version, at]
                left = delta - (after or 0) + (was or 0)
                if abs(left) >= (_unit(was, after) if at[1] in RATES else _WHOLE):
                    gaps.append(f"{tenant} {at}: {was} became {after}, the deltas are {delta}")
        return gaps


def monthly(rows: Rows, complete: bool) -> dict[str, Shown]:
    """Tenant → (month, figure) → (value, currency) of fct_revenue_monthly; of complete months alone if so wanted."""
    by_tenant: dict[str, Shown] = defaultdict(dict)
    for row in rows:
        if row[2] or not complete:
            by_tenant[row[0]].update({at: (value, row[3]) for at, value in figures(row)})
    return by_tenant


def shown(rows: Rows) -> Rows:
    """Rows of fct_restatements as they are compared: rates to the digits that a double has, whatever their size."""
    compared = Rows()
    for row, count in rows.items():
        if row[2] in RATES:
            unit = _unit(*row[6:8])
            row = (*row[:6], *(None if value is None else value.quantize(unit) for value in row[6:]))
        compared[row] += count
    return compared


def _unit(*values: Decimal | None) -> Decimal:
    """The last of eleven digits of the largest value."""
    return Decimal(10) ** (max((value.adjusted() for value in values if value), default=0) - 10)


@pytest.mark.slow
@settings(max_examples=1, phases=(Phase.explicit, Phase.reuse, Phase.generate), suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_what_is_restated_and_by_which_cause_is_what_the_definitions_say(tmp_path_factory: Any, seed: int) -> None:
    assume(seed > 0)
    folder: Path = tmp_path_factory.mktemp("restatements")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(folder / "tenure"))
        world = World.of(range(seed, seed + HISTORIES), restated_history)
        story = Story(world)
        for batch in range(BATCHES):
            world.land(batch, folder / "drop", BY_FILE)
            for tenant, history in world.histories.items():
                assert isinstance(history, RestatedHistory)
                if history.changes[batch]:
                    Catalog(world.lake).set_tenant(tenant, **history.changes[batch])
            world.run_silver()
            assert world.run_gold()
            gold = world.gold()
            rows, now = gold[MART], gold["fct_revenue_monthly"]
            assert difference({MART: shown(rows)}, {MART: shown(story.expected(batch))}) == [], f"batch {batch}"
            assert story.unexplained(monthly(now, complete=False), rows) == []
            # A run that is not published says nothing to anybody: the next one restates the publication before it.
            green = {t: verdict for n, (t, verdict) in enumerate(world.verdicts.items()) if batch != 1 or n % 4}
            story.follow(batch, publish(world.lake, "pool", green).published, monthly(now, complete=True), rows)

        for cause in CAUSES:
            assert story.causes[cause] >= HISTORIES // 10, f"{cause} is too rare: {story.causes}"
        rows_by_cause = {cause: sum(row[5] == cause for row in rows) for cause in CAUSES}
        assert all(rows_by_cause.values()), f"nothing was ever restated by some cause: {rows_by_cause}"
        assert world.run_silver(full_refresh=True)
        world.run_gold(full_refresh=True)
        assert difference(world.gold(), gold) == [], "a full refresh restates again, or forgets"
