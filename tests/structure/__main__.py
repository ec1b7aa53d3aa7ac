"""python -m tests.structure [--all]: print the measures, with --all every place beyond a goal; fails beyond a limit."""

from __future__ import annotations

import sys

from tests.structure.files import Files
from tests.structure.measures import ROOT, measures, table

if __name__ == "__main__":
    measured = measures(Files(ROOT))
    print(table(measured, sys.maxsize) if "--all" in sys.argv[1:] else table(measured))
    sys.exit(not all(measure.is_kept for measure in measured))
