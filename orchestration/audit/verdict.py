"""Checks and the verdict per tenant.

A shard holds hundreds of tenants, so a check does not pass or fail: it names the tenants of its failing rows. A tenant
is green when no check names it. A failure that names nobody (a model error, a broken contract) holds the whole shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SHARD = "shard"


@dataclass(frozen=True)
class Check:
    """One check of one run.

    `kind`: dbt, bronze_in or gold_out. `about`: the address it looks at, e.g. `gold/dim_accounts`. `words`: what it
    means when it fails, for somebody who never saw a database. `failing`: tenant → failing rows; empty: it passed.
    `row_words`: tenant → what its failing rows themselves say is wrong, in place of `words`.
    """

    name: str
    kind: str
    about: str
    words: str
    failing: Mapping[str, int] = field(default_factory=dict)
    row_words: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether it names nobody."""
        return not self.failing


@dataclass(frozen=True)
class Failure:
    """A check that names one tenant: as in Check, with the number of that tenant's failing rows.

    `kind` is also `shard`: a failure without a tenant, whose next run has to judge again although nothing moved.
    `is_from_rows`: its rows name what is wrong, so it is the cause where others are consequences.
    """

    name: str
    words: str
    rows: int
    kind: str = "dbt"
    about: str = ""
    is_from_rows: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether a tenant's newest data may be published, and what speaks against it."""

    tenant_id: str
    failures: tuple[Failure, ...] = ()

    @property
    def green(self) -> bool:
        """Whether nothing speaks against publishing."""
        return not self.failures

    @property
    def conclusive(self) -> bool:
        """Whether the checks themselves ran: a verdict for want of one is given again by the next run."""
        return all(failure.kind != "shard" for failure in self.failures)

    @property
    def ranked(self) -> tuple[Failure, ...]:
        """The failures, the worst first; before them those that name what is wrong."""
        return tuple(sorted(self.failures, key=lambda failure: (not failure.is_from_rows, -failure.rows, failure.name)))

    @property
    def reason(self) -> str | None:
        """What speaks against publishing in words, the worst three checks; None when green."""
        if self.green:
            return None
        # A rule of the border repeats what a dbt test of the same table says more precisely.
        checked_by_dbt = {failure.about for failure in self.failures if failure.kind == "dbt"}
        sentences: list[str] = []
        for failure in self.ranked:
            repeats = failure.kind == "gold_out" and failure.about in checked_by_dbt
            if not repeats and failure.words not in sentences:
                sentences.append(failure.words)
        more = f"; and {len(sentences) - 3} more" if len(sentences) > 3 else ""
        return "; ".join(sentences[:3]) + more


def verdicts(tenants: Iterable[str], checks: Iterable[Check], shard_error: str | None = None) -> dict[str, Verdict]:
    """A verdict for each of `tenants`; `shard_error` (a failure without a tenant) holds them all."""
    failures: dict[str, list[Failure]] = {tenant: [] for tenant in tenants}
    for check in checks:
        for tenant, rows in check.failing.items():
            words, is_from_rows = check.row_words.get(tenant, check.words), tenant in check.row_words
            failure = Failure(check.name, words, rows, check.kind, check.about, is_from_rows)
            failures.setdefault(tenant, []).append(failure)
    if shard_error is not None:
        for named in failures.values():
            named.append(Failure(SHARD, "the newest figures could not be computed", 0, SHARD))
    return {tenant: Verdict(tenant, tuple(named)) for tenant, named in sorted(failures.items())}
