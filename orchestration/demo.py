"""`tenure demo`: the whole path on a simulated world and a real git history, from files to dashboards.

files ─▶ land ─▶ run of every shard ───────────────────────▶ start Dagster ─▶ where to look
Superset: metadata, logins, dashboards, start  (meanwhile) ─▶
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connectors.sandbox.landing import DAYS, Landed, land_repository, land_sandbox, write_sandbox
from connectors.systems.git.history import repository_root
from orchestration.run import Progress, RunResult, run_shards
from orchestration.services import services
from orchestration.services.logins import operator_password, password_of
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

EXECUTIVE, EXECUTIVE_OF = "executive", "lumenfold"
MAINTAINER = "maintainer"
OWN_CLONE = Path(__file__).resolve().parent.parent
DASHBOARDS = {
    "Product adoption": "/superset/dashboard/product-adoption/",
    "Revenue and churn": "/superset/dashboard/revenue-and-churn/",
    "Retention bridge": "/superset/dashboard/retention-bridge/",
}

QUERIES = (
    (
        "How is every tenant doing on its last day?",
        "SELECT tenant_id, date, dau, wau, mau, round(stickiness, 2) AS stickiness FROM"
        " marts.fct_product_engagement_daily QUALIFY row_number() OVER (PARTITION BY tenant_id ORDER BY date DESC) = 1",
        None,
    ),
    (
        "Whose usage falls, and who looks after them?",
        "SELECT a.name, a.csm, round(100 * f.usage_trend_28d) AS trend_percent, f.mau"
        " FROM marts.fct_account_engagement_daily AS f JOIN marts.dim_accounts AS a USING (tenant_id, account_id)"
        " WHERE a.is_current AND f.usage_trend_28d < 0"
        " QUALIFY f.date = max(f.date) OVER () ORDER BY trend_percent LIMIT 10",
        EXECUTIVE_OF,
    ),
    (
        "Which part of the code is worked on most?",
        "SELECT feature, sum(events) AS commits, max(users) AS most_authors_of_a_domain_on_a_day"
        " FROM marts.fct_feature_usage_daily GROUP BY feature ORDER BY commits DESC LIMIT 10",
        "{git}",
    ),
)


@dataclass
class Report:
    """What the demo did: rows landed, runs, where to look, seconds by step (`meanwhile`: beside the others)."""

    landed: list[Landed] = field(default_factory=list)
    runs: list[RunResult] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    meanwhile: dict[str, float] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    logins: dict[str, tuple[str, str]] = field(default_factory=dict)
    git_tenant: str = ""

    def queries(self) -> list[tuple[str, str]]:
        """(question, command to paste) of what there is data for."""
        questions = []
        for question, statement, tenant in QUERIES:
            named = (tenant or "").format(git=self.git_tenant)
            if tenant is None or named:
                questions.append((question, f'tenure sql "{statement}"' + (f" --tenant {named}" if named else "")))
        return questions


def demo(
    repository: Path | None,
    *,
    days: int = DAYS,
    start: bool = True,
    tell: Callable[[str], None],
    on_progress: Callable[[Progress], None],
    step: Callable[[str], object],
) -> Report:
    """Run it; safe and quick to repeat. `tell` gets passing news, `step(title)` is a context manager around each step.

    `start=False` leaves Superset and Dagster out. TenureError names what is missing (a port, Superset's environment, a
    repository) before anything is done, where that can be known.
    """
    report = Report()
    clock = _Clock(report.seconds, step)
    slug, name, path = _repository(repository)
    if start:
        _check_ports()
    with ThreadPoolExecutor(1) as pool:
        superset: Future[str] | None = pool.submit(_superset, report, slug) if start else None
        lake = Lake()
        with clock("write the sandbox world"):
            files = write_sandbox(tell, days=days)
        with clock("land the sandbox world"):
            report.landed += land_sandbox(lake, files, tell)
        with clock(f"land the git history of {name}"):
            try:
                report.landed.append(land_repository(lake, path, slug, name, tell))
                report.git_tenant = slug
            except TenureError as error:
                if repository is not None:
                    raise
                tell(f"left out: {error.what}: {error.why}")
        shards = sorted({tenant.shard for tenant in Catalog(lake).tenants()})
        with clock(f"run shards {', '.join(shards)}"):
            report.runs = run_shards(shards, on_progress=on_progress)
        if superset is not None and all(run.succeeded for run in report.runs):
            with clock("start Dagster"):
                report.urls["Dagster"] = services.up_dagster(tell)
            with clock("start the collector"):
                report.urls["Collector"] = services.up_collector(give_way=True)
            with clock("wait for Superset"):
                report.urls["Superset"] = superset.result()
                report.urls |= {title: report.urls["Superset"] + path for title, path in DASHBOARDS.items()}
    return report


def _superset(report: Report, git_tenant: str) -> str:
    """Set up Superset, its logins and dashboards, and start it; its URL."""
    from dashboards import administration

    started = time.monotonic()
    operator, _ = operator_password()
    executive, _ = password_of(EXECUTIVE)
    report.logins["operator"] = ("operator", operator)
    maintainer, _ = password_of(MAINTAINER)
    report.logins[f"executive of {EXECUTIVE_OF}"] = (EXECUTIVE, executive)
    report.logins[f"executive of {git_tenant}"] = (MAINTAINER, maintainer)
    administration.apply(
        home.home(),
        operator_password=operator,
        users=[
            administration.User(EXECUTIVE, [EXECUTIVE_OF], "executive", executive, full_name="Demo Executive"),
            administration.User(MAINTAINER, [git_tenant], "executive", maintainer, full_name="Demo Maintainer"),
        ],
        push=True,
    )
    report.meanwhile["Superset: metadata, logins, dashboards"] = time.monotonic() - started
    started = time.monotonic()
    url = services.up_superset()
    report.meanwhile["Superset: start"] = time.monotonic() - started
    return url


def _check_ports() -> None:
    """A taken port is said now, not after minutes of work."""
    from orchestration.services import processes

    running = {service.name for service in services.status() if service.state != "stopped"}
    if services.WEB not in running and services.dagster_port():
        processes.check_port(services.dagster_port(), "Dagster", "TENURE_DAGSTER_PORT")
    if services.SUPERSET not in running and services.superset_port():
        processes.check_port(services.superset_port(), "Superset", "TENURE_SUPERSET_PORT")


def _repository(chosen: Path | None) -> tuple[str, str, Path]:
    """Slug, name and path of the git history's tenant."""
    if chosen is None:
        return "tenure_git", "this project", OWN_CLONE
    repository_root(chosen)
    folded = re.sub(r"[^a-z0-9]+", "_", chosen.resolve().name.lower()).strip("_") or "repository"
    return f"git_{folded}"[:40].rstrip("_"), chosen.resolve().name, chosen


class _Clock:
    """Times the steps of the report and shows each through the caller's `step`."""

    def __init__(self, seconds: dict[str, float], step: Callable[[str], object]) -> None:
        self.seconds, self.step = seconds, step

    @contextmanager
    def __call__(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        with self.step(title):  # type: ignore[attr-defined]
            yield
        self.seconds[title] = time.monotonic() - started
