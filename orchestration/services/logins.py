"""Passwords that Tenure makes up for a fresh Superset: kept in `<home>/logins.json`, readable by its owner only."""

from __future__ import annotations

import json
import os
import secrets
import string
from pathlib import Path

from warehouse_models import home

OPERATOR = "operator"


def operator_password() -> tuple[str, bool]:
    """Password of the operator and whether it is new: TENURE_OPERATOR_PASSWORD, else a made-up one."""
    return password_of(OPERATOR, os.environ.get("TENURE_OPERATOR_PASSWORD"))


def password_of(name: str, wanted: str | None = None) -> tuple[str, bool]:
    """Password of a login that we made, and whether it is new; `wanted` replaces what is kept."""
    kept = _read()
    if name in kept and wanted in (None, "", kept[name]):
        return kept[name], False
    kept[name] = wanted or new_password()
    _write(kept)
    return kept[name], True


def new_password() -> str:
    """14 letters and digits: nothing that a shell or a form would take amiss."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(14))


def _file() -> Path:
    return home.home() / "logins.json"


def _read() -> dict[str, str]:
    try:
        return dict(json.loads(_file().read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def _write(kept: dict[str, str]) -> None:
    _file().parent.mkdir(parents=True, exist_ok=True)
    fresh = _file().with_suffix(f".{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        json.dump(kept, handle)
    fresh.replace(_file())
