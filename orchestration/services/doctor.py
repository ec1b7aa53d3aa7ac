"""`tenure doctor`: what is wrong with this home and this machine, each with the next step."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.lake import storage

STALE = timedelta(hours=26)
FREE_GIB = 2.0


@dataclass(frozen=True)
class Finding:
    """What was looked at. `state`: ok, note (a choice or something optional) or wrong."""

    thing: str
    state: str
    says: str
    mend: str = ""


def examine() -> list[Finding]:
    """Everything worth knowing, in the order in which data flows."""
    looks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _java,
        _disk,
        storage_findings,
        _journals,
        _catalog,
        _code,
        _published,
        _services,
    ]
    findings: list[Finding] = []
    for look in looks:
        try:
            findings += look()
        except TenureError as error:
            finding = Finding(error.what, "wrong", error.why, error.next_step)
            if finding not in findings:
                findings.append(finding)
    return findings


def _python() -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{sys.version.split()[0]} at {Path(sys.executable).parent}")
    from dashboards import environment

    yield Finding("Superset's environment", "ok", str(environment.python().parent))


def _java() -> Iterator[Finding]:
    java = os.environ.get("JAVA_HOME")
    program = str(Path(java) / "bin" / "java") if java else shutil.which("java")
    if not program:
        mend = "install Java 17 (Debian: apt-get install openjdk-17-jre-headless), then make setup"
        yield Finding("Spark", "note", "Java was not found; only --engine spark needs it", mend)
        return
    from transforms.engines.spark_jars import jar_files

    version = subprocess.run([program, "-version"], capture_output=True, text=True).stderr.splitlines()
    try:
        jars = len(jar_files())
        yield Finding("Spark", "ok", f"{version[0] if version else program}; {jars} Delta JARs")
    except TenureError as error:
        yield Finding("Spark", "note", error.why, error.next_step)


def _disk() -> Iterator[Finding]:
    place = home.home()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 2**30
    state = "ok" if free >= FREE_GIB else "wrong"
    yield Finding("disk", state, f"{free:,.1f} GiB free at {home.home()}", "" if state == "ok" else "make room")


def storage_findings() -> Iterator[Finding]:
    lake = home.lake_root()
    if not storage.is_remote(lake):
        return
    if storage.honours_conditions(lake):
        yield Finding("object storage", "ok", f"{lake}, safe against a second writer")
        return
    why = "it ignores If-None-Match or If-Match on PUT: two writers would overwrite each other's commits"
    yield Finding("object storage", "wrong", why, "keep the lake on storage that honours both, as AWS S3 does")


def _journals() -> Iterator[Finding]:
    from connectors.collector.journal.waiting import waiting

    root = home.journal_root()
    if not root.exists():
        return
    kept = sorted(str(path) for path in root.glob("*/*.kept"))
    if kept:
        why = f"{len(kept)} segments are damaged, and are kept: {', '.join(kept[:3])}"
        yield Finding("journal", "wrong", why, "what could be read of them is in bronze; look at the disk, then remove")
    aside = [f"{path} ({count:,} requests)" for path, count in waiting(root)]
    if aside:
        why = f"a tenant that the catalog lacks, or another version of Tenure: {', '.join(aside[:3])}"
        yield Finding("journal", "wrong", why, "tenure tenant list; when all are known: tenure collector retry")
    left = sum(path.stat().st_size for kind in ("open", "log") for path in root.glob(f"*/*.{kind}"))
    yield Finding("journal", "ok", f"{left / 2**20:,.1f} MiB of events wait for the next run in {root}")


def _catalog() -> Iterator[Finding]:
    from warehouse_models.catalog.tenants import Catalog

    catalog = Catalog()
    tenants, shards = catalog.tenants(), catalog.shards()
    if not tenants:
        yield Finding("catalog", "note", "no tenant yet", "tenure tenant add acme, or see it at work: tenure demo")
        return
    yield Finding("catalog", "ok", f"{len(tenants)} tenants in {len(shards)} shards")


def _code() -> Iterator[Finding]:
    from orchestration.gold.dbt.manifest import manifest
    from transforms.definition import order

    models = sum(1 for node in manifest()["nodes"].values() if node["resource_type"] == "model")
    yield Finding("definitions", "ok", f"{len(order())} transforms, {models} dbt models")


def _published() -> Iterator[Finding]:
    from orchestration.publish.held import held_tenants
    from warehouse_models.catalog.tenants import Catalog
    from warehouse_models.published import replica

    manifest, _ = replica.present(home.published_root())
    originals = replica.originals(home.published_root())
    if manifest.number == 0:
        yield Finding("published", "note", "nothing is published yet", "tenure land …, then tenure run")
        return
    now = datetime.now(UTC)
    held = {tenant.tenant: tenant for tenant in held_tenants(manifest)}
    for slug, publication in sorted(manifest.tenants.items()):
        file = manifest.file_of(home.published_root(), slug)
        if slug in held:
            says = f"{held[slug].reason}; check: {held[slug].named or 'not recorded'}"
            yield Finding(f"tenant {slug}", "wrong", says, held[slug].next_step)
        elif file is None or not (file.exists() or publication.file in originals):
            yield Finding(
                f"tenant {slug}", "wrong", f"its file {file} is gone", f"tenure run --full-refresh --tenant {slug}"
            )
        elif notice := _notice(file):
            yield Finding(
                f"tenant {slug}", "wrong", notice, f"tenure tenant set {slug} reporting_currency=…; tenure run"
            )
        else:
            says = f"version {publication.version}, data through {publication.data_through}"
            yield Finding(f"tenant {slug}", "ok", says)
    waiting = {tenant.tenant_id for tenant in Catalog().tenants()} - set(manifest.tenants)
    for slug in sorted(waiting):
        yield Finding(f"tenant {slug}", "note", "nothing of it is published", "land its data, then tenure run")
    newest = max((one.figures_at for one in manifest.tenants.values() if one.figures_at), default=None)
    if newest and now - newest > STALE:
        yield Finding(
            "freshness",
            "note",
            f"nothing was published since {newest.isoformat()[:16]}",
            "tenure run, or tenure up for the schedule",
        )


def _notice(file: Path) -> str | None:
    """What a published file says is left out of its figures; None: nothing, or it lies elsewhere, or is older."""
    import duckdb

    from warehouse_models.lake import duck

    try:
        connection = duck.connect(file, read_only=True)
    except (duckdb.Error, OSError):
        return None
    try:
        row = connection.execute("select notice from marts.trust").fetchone()
    except duckdb.Error:
        return None
    finally:
        connection.close()
    return row[0] if row else None


def _services() -> Iterator[Finding]:
    from orchestration.services.services import status

    for service in status():
        if service.state == "running":
            yield Finding(service.name, "ok", f"running {service.url}".strip())
        elif service.state == "stopped":
            yield Finding(service.name, "note", "stopped", "tenure up")
        else:
            yield Finding(
                service.name, "wrong", f"{service.state}; its log: {service.log}", "tenure down, then tenure up"
            )
