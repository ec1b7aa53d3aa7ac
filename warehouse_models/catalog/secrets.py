"""References to secrets: what is kept says where a secret stands, never the secret (DESIGN §7).

    env:NAME    a variable in the environment of the process that needs it
    file:NAME   a file below TENURE_HOME/secrets
    file:/PATH  any other file

A secret that has to be known in clear, such as the one that a webhook is signed with, cannot be kept as a hash.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.files import write_atomically

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
# A secret is a line; whoever names a whole disk by mistake shall not fill the memory with it.
_MOST_BYTES = 65_536


class SecretUnreadable(TenureError):
    """There is no secret where the reference says."""


def env_reference(name: str) -> str:
    """The reference to an environment variable. TenureError: it cannot be the name of one."""
    if not _VARIABLE.fullmatch(name):
        why = "the name of an environment variable is letters, digits and underscores"
        raise TenureError(f"variable {name!r}", why, "e.g. STRIPE_WEBHOOK_SECRET; its name, not its value")
    return f"env:{name}"


def file_reference(path: str | Path) -> str:
    """The reference to a file; a relative path counts from the present folder."""
    return f"file:{Path(path).absolute()}"


def path_of(reference: str) -> Path | None:
    """The file that a reference names; None where it names none."""
    kind, _, name = reference.partition(":")
    return secrets_folder() / name if kind == "file" else None


def secrets_folder() -> Path:
    """Where Tenure itself keeps secrets: files of mode 0600."""
    return home.home() / "secrets"


def read_secret(reference: str) -> str:
    """The secret, without the white space around it. SecretUnreadable: it is not there, empty or no text."""
    kind, _, name = reference.partition(":")
    path = path_of(reference)
    try:
        if path is not None:
            with path.open("rb") as file:
                secret = file.read(_MOST_BYTES).decode().strip()
        else:
            secret = os.environ.get(name, "").strip() if kind == "env" else ""
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it holds no text"
        raise SecretUnreadable(f"secret {reference}", f"it cannot be read ({why})", "put the secret there") from None
    if not secret:
        raise SecretUnreadable(f"secret {reference}", "it is not set, or empty", "put the secret there")
    return secret


def write_secret(name: str, secret: str) -> str:
    """Keep a secret in TENURE_HOME/secrets/<name> (mode 0600), durably and at once; its reference.

    TenureError: the name cannot be a file's, or the disk does not take it.
    """
    folder = secrets_folder()
    if not _NAME.fullmatch(name):
        raise TenureError(f"secret {name!r}", "the name cannot be that of a file", "letters, digits, dots, dashes")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(folder / name, f"{secret}\n", mode=0o600, is_name_synced=True)
    except OSError as error:
        why = f"it cannot be written ({error.strerror})"
        raise TenureError(f"secret {folder / name}", why, "mend the disk, or its permissions") from error
    return f"file:{name}"
