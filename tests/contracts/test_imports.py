"""Every module of the tests and benches imports: many run in processes of their own, where pytest collects nothing."""

from __future__ import annotations

from importlib import import_module

from tests.structure.files import TESTS, Files
from tests.structure.measures import ROOT


def test_every_module_of_tests_and_benches_imports() -> None:
    names = [name for name in Files(ROOT).names if name.suffix == ".py" and name.parts[0] in TESTS]
    for name in names:
        # Tests and their fixtures are imported by pytest, under other names.
        if not name.name.startswith(("test_", "conftest")):
            import_module(".".join(name.with_suffix("").parts).removesuffix(".__init__"))
