"""Superset's own environment and state folder: where they are, and how its programs are run.

<venv>/bin/python -m dashboards.superset.admin     one plan, then gone        (run_plan)
<venv>/bin/gunicorn … superset.app:create_app()    the server                 (server_command)
<home>/superset/   secret_key (0600) · metadata.db · cache/ · schema (which Superset the metadata is of)
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from warehouse_models.errors import TenureError

ROOT = Path(__file__).resolve().parent.parent
PLAN_SECONDS = 600


def venv() -> Path:
    """Folder of Superset's environment: TENURE_SUPERSET_VENV, else `.venv-superset` beside the packages."""
    return Path(os.environ.get("TENURE_SUPERSET_VENV") or ROOT / ".venv-superset").absolute()


def python() -> Path:
    """Its Python. TenureError where the environment is not there."""
    path = venv() / "bin" / "python"
    if not path.exists():
        why = f"its environment is not at {venv()}"
        raise TenureError("Superset", why, "run `make setup`, or set TENURE_SUPERSET_VENV")
    return path


def state(home: Path) -> Path:
    """Superset's folder below TENURE_HOME, readable by its owner only; made on demand."""
    folder = home / "superset"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def secret(home: Path) -> None:
    """Make the key that signs sessions and encrypts stored passwords, once; TENURE_SUPERSET_SECRET goes before it."""
    path = state(home) / "secret_key"
    if os.environ.get("TENURE_SUPERSET_SECRET") or path.exists():
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(secrets.token_urlsafe(48))


def variables(home: Path) -> dict[str, str]:
    """Environment of every Superset program: the caller's, ours on the path, nothing of the caller's own Superset."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SUPERSET_", "FLASK_", "PYTHON"))}
    return inherited | {
        "TENURE_HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(ROOT / "dashboards" / "superset" / "config.py"),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "FLASK_APP": "superset.app:create_app()",
        # No counting of installations, no version check.
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        "HOME": str(state(home)),
        "TZ": "UTC",
    }


def server_command(home: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """Command and environment of the server on 127.0.0.1:`port`, to be run in Superset's state folder.

    TenureError: Superset is not set up in this home, or its environment is not there.
    """
    need_setup(home)
    config = ROOT / "dashboards" / "superset" / "gunicorn_conf.py"
    command = [str(python()), "-m", "gunicorn", "--config", str(config), "superset.app:create_app()"]
    return command, variables(home) | {"TENURE_SUPERSET_PORT": str(port)}


def schema_mark(home: Path) -> Path:
    """The file that says which metadata schema this home was set up with (schema_key); absent before a set-up."""
    return state(home) / "schema"


def need_setup(home: Path) -> None:
    """TenureError where this home was never set up."""
    if not schema_mark(home).exists():
        raise TenureError("Superset", f"it is not set up in {home}", "run `tenure demo` or `tenure up` first")


def schema_key() -> str:
    """Which metadata schema a Superset environment makes: hash of its version and of ours that adds to it."""
    parts = [path.read_bytes() for path in (ROOT / "requirements" / "superset.txt",) if path.exists()]
    parts += [str(path.name).encode() for path in sorted(venv().glob("lib/python*/site-packages/apache_superset-*"))]
    parts.append((ROOT / "dashboards" / "superset" / "security.py").read_bytes())
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:16]


def template() -> Path:
    """A fresh metadata database, kept with the environment that made it: a new home copies it instead of migrating."""
    return venv() / "tenure" / f"metadata-{schema_key()}.db"


def run_plan(home: Path, plan: dict[str, Any], tell: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Run one plan (see superset/admin) and return its answer. TenureError where it fails; its log names the rest."""
    secret(home)
    (home / "logs").mkdir(parents=True, exist_ok=True)
    log = home / "logs" / "superset-admin.log"
    with tempfile.TemporaryDirectory(dir=state(home)) as folder:
        plan_path, answer_path = Path(folder) / "plan.json", Path(folder) / "answer.json"
        plan_path.touch(0o600)
        plan_path.write_text(json.dumps(plan), encoding="utf-8")
        command = [str(python()), "-m", "dashboards.superset.admin", str(plan_path), str(answer_path)]
        with log.open("ab") as output:
            subprocess.run(
                command,
                env=variables(home),
                cwd=state(home),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=PLAN_SECONDS,
                check=False,
            )
        try:
            answer: dict[str, Any] = json.loads(answer_path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise TenureError("Superset", "its administration ended without an answer", f"read {log}") from error
    if not answer.pop("ok"):
        raise TenureError(answer["what"], answer["why"], answer["next_step"] or f"read {log}")
    return answer
