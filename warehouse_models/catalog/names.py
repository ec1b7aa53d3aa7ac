"""What a name in the catalog may be: a slug where it becomes a folder, words where only people read it."""

from __future__ import annotations

import re

from warehouse_models.errors import TenureError

SLUG = re.compile(r"^[a-z][a-z0-9_]{1,40}$")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}")


def check_slug(thing: str, slug: str) -> None:
    """TenureError where `slug` cannot name a tenant or a shard; `thing` is what the error calls it."""
    if not SLUG.fullmatch(slug) or "__" in slug:
        why = "a name is 2 to 41 of a-z, 0-9 and single _, starting with a letter"
        raise TenureError(f"{thing} {slug!r}", why, f"e.g. {_suggest(slug)}")


def check_name(thing: str, name: str, example: str) -> None:
    """TenureError where `name` cannot name something that a tenant has; `thing` is what the error calls it."""
    if not _NAME.fullmatch(name):
        why = "a name is 1 to 80 letters, digits, spaces, dots, dashes or underscores"
        raise TenureError(f"{thing} {name!r}", why, f"e.g. {example}")


def _suggest(slug: str) -> str:
    folded = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]+", "_", slug.lower())).strip("_")[:40]
    return folded if SLUG.fullmatch(folded) else "acme"
