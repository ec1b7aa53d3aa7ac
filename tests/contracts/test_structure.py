"""The house stays as it is drawn: folders of a dozen, imports one way, short modules, one place for each primitive."""

from __future__ import annotations

from pathlib import Path

from tests.structure.files import PRODUCT, TESTS, Files
from tests.structure.measures import ROOT, measures, table

_MODULE = '''"""Documentation that names write_deltalake( and delta_scan( calls neither."""
from connectors.landing import _secret, land

def wide(a, b, *, c, found=None):
    told = deltalake.write_deltalake(a, f"select * from delta_scan('{b}')")
    return land._hidden, patch.setattr(land, "_too", told)
'''


def test_no_count_is_beyond_its_limit() -> None:
    """A limit that is above its goal is lowered whenever the count falls; it never rises."""
    beyond = [measure for measure in measures(Files(ROOT)) if not measure.is_kept]
    assert not beyond, "\n" + table(beyond)


def test_the_measures_see_what_they_count(tmp_path: Path) -> None:
    for package in ("connectors/landing", "tests/landing", "connectors/target"):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "module.py").write_text(_MODULE, encoding="utf-8")
        (tmp_path / package / "__init__.py").touch()
    files, place = Files(tmp_path), "connectors/landing/module.py:"
    assert files.folders() == [(1, "connectors/landing"), (1, "tests/landing")]
    assert files.modules(PRODUCT)[0] == (6, "connectors/landing/module.py")
    assert files.functions() == [(3, f"{place}4 wide")]
    assert files.parameters() == [(4, f"{place}4 wide")]
    assert files.calls("write_deltalake", PRODUCT) == [f"{place}5"]
    assert files.literals("delta_scan(", PRODUCT) == [f"{place}5"]
    assert sorted(files.bound(frozenset({"told", "found"}), PRODUCT)) == [f"{place}4 found", f"{place}5 told"]
    assert [text.split()[1] for text in files.private_names()] == ["_secret", "_hidden", "_too"]
    assert not files.calls("write_deltalake", ("bench",)) and files.calls("write_deltalake", TESTS)
