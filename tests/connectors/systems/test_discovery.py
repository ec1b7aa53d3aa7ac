"""All that is known of a vendor stands in its folder, and a folder is found by itself."""

from __future__ import annotations

import ast
import hashlib
import hmac
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors import systems
from connectors.systems.discovery import secret_makers, shipped_maps, webhook, webhook_systems
from connectors.systems.webhook import Claim, Item, Webhook
from tests.support.lakes import silver
from tests.support.worlds.collector import ROOT, STARTED, World, start, stop_started
from warehouse_models.catalog.hooks import SecretMaker
from warehouse_models.catalog.secrets import read_secret
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

FOLDERS = sorted(path for path in Path(systems.__path__[0]).iterdir() if path.is_dir() and path.name != "__pycache__")
VENDOR = """
from connectors.systems.webhook import Claim, Item, Webhook, header, hexadecimal, iso_time, record, text_at
from warehouse_models.catalog.hooks import SecretMaker


def _claim(asked):
    return Claim([header(asked, "x-nimbus-signature")], [b"nimbus." + asked.body], None, hexadecimal)


def _item(event, payload, sent_id):
    records = record("ticket", text_at(event, "id"))
    return Item(sent_id, payload, sent_id, iso_time(event["at"]), "ticket.opened", "upsert", records)


WEBHOOK = Webhook(SecretMaker.US, _claim, _item, events=lambda body: body["all"], id_header="x-nimbus-id")
"""


@pytest.fixture
def nimbus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a vendor that nobody else has heard of."""
    folder = tmp_path / "vendors" / "nimbus"
    (folder / "maps").mkdir(parents=True)
    (folder / "webhook.py").write_text(VENDOR)
    (folder / "maps" / "people.yaml").write_text("object: users\ncolumns: {user_id: person}\n")
    monkeypatch.setattr(systems, "__path__", [*systems.__path__, str(folder.parent)])
    yield folder
    webhook.cache_clear()
    for name in [name for name in sys.modules if name.startswith("connectors.systems.nimbus")]:
        del sys.modules[name]


@pytest.fixture
def world(tmp_path: Path, tenure_home: Path, nimbus: Path) -> Iterator[World]:
    lake = Lake()
    Catalog(lake).add_tenant("acme")
    before = len(STARTED)
    extended = f"from connectors import systems\nsystems.__path__.append({str(nimbus.parent)!r})"
    yield World(lake, Catalog(lake), start(tmp_path, first=extended))
    stop_started(before)


def test_a_vendor_delivers_as_soon_as_its_folder_is_there(world: World) -> None:
    hook, made = world.hooks.add("acme", "nimbus")
    assert made and read_secret(hook.secret_ref or "") == made, "its folder says that we make the secret"
    body = json.dumps({"all": [{"id": 7, "at": "2026-03-01T10:00:00Z"}]}).encode()
    signature = hmac.new(made.encode(), b"nimbus." + body, hashlib.sha256).hexdigest()
    for signed, status in ((signature, 200), ("0" * 64, 401)):
        headers = {"X-Nimbus-Signature": signed, "X-Nimbus-Id": "n1"}
        assert world.post(hook.path, body, headers=headers).status_code == status
    assert world.post(hook.path, body).json()["code"] == "no_signature"
    assert world.land().kept == {}
    rows = silver(world.lake, "bronze/webhooks/deliveries", "object, record_id, topic, subject, subject_id")
    assert rows == [("nimbus", "n1", "ticket.opened", "ticket", "7")]


def test_a_vendor_s_maps_are_found_by_their_folder_s_name(nimbus: Path, tenure_home: Path, tmp_path: Path) -> None:
    from orchestration.cli import app

    assert shipped_maps()["nimbus_people"] == nimbus / "maps" / "people.yaml"
    Catalog(Lake()).add_tenant("acme")
    file = tmp_path / "people.jsonl"
    file.write_text('{"person": "u1"}\n')
    command = ["land", str(file), "--tenant", "acme", "--object", "users", "--map", "nimbus_people"]
    answer = CliRunner().invoke(app, [*command, "--as-of", "2026-03-01", "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["accepted"] == 1


@pytest.mark.parametrize("name", ["nimbus copy", ".idea", "Nimbus"])
def test_a_folder_that_somebody_left_behind_is_no_vendor(nimbus: Path, name: str) -> None:
    shutil.copytree(nimbus, nimbus.with_name(name))
    assert name not in webhook_systems() and "nimbus" in webhook_systems()
    assert f"{name}_people" not in shipped_maps() and "nimbus_people" in shipped_maps()


@pytest.mark.parametrize(
    "system", ["salesforce", "nobody", "webhook", "discovery", "git.history", "", ".", "../stripe"]
)
def test_what_has_no_webhooks_is_a_value_error(system: str) -> None:
    with pytest.raises(ValueError, match="system"):
        webhook(system)


def test_a_library_that_a_vendor_s_module_lacks_is_told_as_it_is(nimbus: Path) -> None:
    (nimbus / "webhook.py").write_text("import a_library_that_nobody_has\n")
    with pytest.raises(ModuleNotFoundError, match="a_library_that_nobody_has"):
        webhook("nimbus")


def test_a_handshake_names_the_header_that_brings_the_secret_and_nothing_else_does() -> None:
    def claim(asked: object) -> Claim:
        raise NotImplementedError

    def item(event: object, payload: bytes, sent_id: str | None) -> Item:
        raise NotImplementedError

    for maker, header in ((SecretMaker.HANDSHAKE, None), (SecretMaker.VENDOR, "x-secret")):
        with pytest.raises(ValueError, match="handshake"):
            Webhook(maker, claim, item, handshake_header=header)


def test_every_folder_says_what_it_is_and_every_webhook_in_it_is_read() -> None:
    assert [folder.name for folder in FOLDERS if not (folder / "README.md").is_file()] == []
    assert webhook_systems() == [folder.name for folder in FOLDERS if (folder / "webhook.py").is_file()]
    assert list(secret_makers()) == webhook_systems()


def test_no_other_module_of_the_product_names_a_vendor() -> None:
    """Or adding one would mean finding those modules. What a docstring says is no knowledge of the code."""
    vendors = {"asana", "hubspot", "jira", "stripe", "salesforce"}
    named = []
    for package in ("connectors", "orchestration", "warehouse_models", "transforms", "serving"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if (ROOT / "connectors" / "systems") not in path.parents:
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in vendors:
                        named.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.value}")
    assert named == []


def test_help_names_the_vendors_and_imports_none_of_their_code() -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from orchestration.cli import app\n"
        "print(CliRunner().invoke(app, ['hook', 'add', '--help']).stdout)\n"
        "print([name for name in sys.modules if name.endswith('.webhook')])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    *shown, imported = run.stdout.splitlines()
    text = " ".join(" ".join(shown).replace("│", " ").split())
    assert ", ".join(webhook_systems()) in text and imported == "[]"
