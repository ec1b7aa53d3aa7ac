"""What a run of gold did, for those who show it and for the publication after it."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestration.audit.verdict import Check, Verdict


@dataclass(frozen=True)
class ModelResult:
    """One dbt model of a run: `rows` it holds now (marts only, else None), seconds it took."""

    name: str
    status: str
    seconds: float
    message: str = ""
    rows: int | None = None


@dataclass
class GoldResult:
    """What one run did.

    `skipped`: nothing had moved. `full`: everything was built anew, for `reason`. `tenants`: whose data moved or waits
    to be published. `error`: a failure without a tenant, which holds the whole shard. `plan_misses`: tenant → source →
    recent events that miss the tracking plan. `seconds`: by step.
    """

    shard: str
    run: int
    skipped: bool = False
    full: bool = False
    reason: str = ""
    tenants: tuple[str, ...] = ()
    models: list[ModelResult] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    error: str | None = None
    plan_misses: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every tenant looked at is green."""
        return self.error is None and all(verdict.green for verdict in self.verdicts.values())
