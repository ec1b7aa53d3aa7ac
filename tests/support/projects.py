"""Copies of the dbt project with one thing changed, as an upgrade changes it; the real dbt runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestration.audit.rules import checks_hash
from warehouse_models.dbt import marts as gold_models

_FOLDERS_OF_DBT = shutil.ignore_patterns("target", "logs", "dbt_packages")


class Projects:
    """`change` edits the project in use, which begins as a copy of ours; a mistyped edit fails."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder, self._patch, self._number = folder, patch, 0

    def change(self, *edits: tuple[str, str, str], new: dict[str, str] | None = None) -> None:
        """Use a copy with `edits` (file below models/marts, old text, new text) and `new` files in it."""
        self._number += 1
        copy = self._folder / f"project_{self._number}"
        shutil.copytree(gold_models.PROJECT, copy, ignore=_FOLDERS_OF_DBT)
        marts = copy / "models" / "marts"
        for name, old, text in edits:
            (path,) = marts.rglob(name)
            before = path.read_text(encoding="utf-8")
            assert before.count(old) == 1, f"{name} holds {old!r} {before.count(old)} times"
            path.write_text(before.replace(old, text), encoding="utf-8")
        for name, text in (new or {}).items():
            (marts / name).write_text(text, encoding="utf-8")
        self._patch.setattr(gold_models, "PROJECT", copy)
        self.forget()

    @staticmethod
    def forget() -> None:
        """Drop what was read of the project before."""
        for cached in (gold_models.marts, gold_models.silver_inputs, checks_hash):
            cached.cache_clear()
