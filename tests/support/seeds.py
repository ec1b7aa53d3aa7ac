"""A seed that is another one for each commit: what random tests try adds up; the same code is tried the same way."""

from __future__ import annotations

import subprocess
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_WITHOUT_GIT = 20261125


def seed_of_commit() -> int:
    """A number made of the commit that is checked out; always the same one where git knows of none."""
    command = ["git", "rev-parse", "--verify", "HEAD"]
    answer = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    return int(answer.stdout[:8], 16) if answer.returncode == 0 else _WITHOUT_GIT
