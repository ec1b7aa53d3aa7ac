"""What the vendors' folders hold: which webhooks can be delivered, which maps come with Tenure.

    connectors/systems/<vendor>/webhook.py      WEBHOOK
    connectors/systems/<vendor>/maps/NAME.yaml  --map <vendor>_NAME

The folders are looked at, and a vendor's code is imported only when it is used: `tenure --help` names them all, and has
to be quick. A folder that is added is found by itself.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from connectors import systems

if TYPE_CHECKING:
    from connectors.systems.webhook import Webhook
    from warehouse_models.catalog.hooks import SecretMaker

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def webhook_systems() -> list[str]:
    """Names of the systems that can deliver webhooks."""
    return sorted(path.parent.name for path in _files("webhook.py"))


@cache
def webhook(system: str) -> Webhook:
    """What is known of a system's webhooks. ValueError: nothing; another version of Tenure may know it."""
    name = f"{systems.__name__}.{system}.webhook"
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the vendor's own module lacks something
        raise ValueError(f"system {system}") from None
    declared: Webhook = module.WEBHOOK
    return declared


def secret_makers() -> dict[str, SecretMaker]:
    """Who makes the secret of each system's webhooks, as `Hooks` takes it."""
    return {system: webhook(system).secret_maker for system in webhook_systems()}


def shipped_maps() -> dict[str, Path]:
    """The maps that come with Tenure by the name that `--map` takes, e.g. `salesforce_accounts`."""
    return {f"{path.parent.parent.name}_{path.stem}": path for path in _files("maps/*.yaml")}


def _files(pattern: str) -> list[Path]:
    """Files of the vendors' folders, by the name of the folder.

    A copy that an editor or a person left there ("stripe copy", ".idea") was offered as a system: a name is a slug.
    """
    folders = (child for root in systems.__path__ for child in Path(root).iterdir() if _NAME.fullmatch(child.name))
    return sorted(path for folder in folders for path in folder.glob(pattern))
