"""Policies as data: defaults from `policies/*.yaml`, overridden per tenant by catalog settings.

`settings_tables` turns them into three small relations that transforms and dbt join: no policy value stands in SQL.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from warehouse_models.errors import TenureError
from warehouse_models.quotas import DEFAULTS as QUOTAS

_FOLDER = Path(__file__).parent / "policies"
_META = {"name", "version", "valid_from"}
_TYPES = {"identify", "track", "page", "screen", "group", "alias"}

# A gap of more than a day would join days that a session's four-day window does not see (transforms/product/sessions).
_BOUNDS = {"session_gap_minutes": (1, 1440), "event_time_clamp_minutes": (0, 1440), "trend_min_events": (0, 10**9)}

SETTINGS_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("session_gap_seconds", pa.int64()),
        ("event_time_clamp_seconds", pa.int64()),
        ("trend_min_events", pa.int64()),
    ]
)
QUALIFYING_SCHEMA = pa.schema([("tenant_id", pa.string()), ("type", pa.string())])
INTERNAL_SCHEMA = pa.schema([("tenant_id", pa.string()), ("kind", pa.string()), ("value", pa.string())])


@cache
def engagement_defaults() -> Mapping[str, Any]:
    """Values of the engagement policy without its name and version."""
    loaded = yaml.safe_load((_FOLDER / "engagement.v1.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in loaded.items() if key not in _META}


def policy_hash() -> str:
    """Hash of every policy file: part of the definition of whatever is computed with them."""
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.rglob("*.yaml")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def check_key(key: str) -> None:
    """TenureError where there is no setting `key`; names those that are."""
    known = sorted([*engagement_defaults(), "reporting_currency"])
    if key not in known:
        why = "there is no such setting"
        raise TenureError(f"setting {key}", why, f"known settings: {', '.join(known)}; quotas: {', '.join(QUOTAS)}")


def check_setting(key: str, value: Any) -> Any:
    """The value of setting `key` in its right type; TenureError names what is allowed.

    `value` may come from the command line as text; lists as `track,page`, mappings as JSON.
    """
    check_key(key)
    defaults = engagement_defaults()
    if key == "reporting_currency":
        if not (isinstance(value, str) and len(value) == 3 and value.isalpha() and value.isupper()):
            raise TenureError(f"setting {key}", f"{value!r} is no ISO 4217 code", "give three capitals, e.g. EUR")
        return value
    if isinstance(defaults[key], int):
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise TenureError(f"setting {key}", f"{value!r} is no whole number", f"default: {defaults[key]}") from None
        least, most = _BOUNDS[key]
        if not least <= number <= most:
            why = f"{number} is not within {least} to {most}"
            raise TenureError(f"setting {key}", why, f"default: {defaults[key]}")
        return number
    if isinstance(defaults[key], list):
        items = value.split(",") if isinstance(value, str) else list(value)
        unknown = sorted(set(items) - _TYPES)
        if unknown or not items:
            raise TenureError(f"setting {key}", f"{unknown or 'nothing'} is no event type", f"types: {sorted(_TYPES)}")
        return items
    if isinstance(defaults[key], dict):
        try:
            mapping = json.loads(value) if isinstance(value, str) else dict(value)
            if set(mapping) - set(defaults[key]) or not all(isinstance(items, list) for items in mapping.values()):
                raise ValueError
            return {name: sorted(str(item) for item in mapping.get(name, [])) for name in defaults[key]}
        except (ValueError, TypeError, AttributeError):
            example = json.dumps({"domains": ["example.com"], "users": [], "accounts": []})
            raise TenureError(f"setting {key}", "it is not the mapping it should be", f"e.g. '{example}'") from None
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise TenureError(f"setting {key}", f"{value!r} is no ISO date", f"e.g. {defaults[key]}") from None


def effective(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Policy values in force for a tenant with `settings`."""
    return {key: settings.get(key, default) for key, default in engagement_defaults().items()}


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Hash of a tenant's values in force: a tenant whose hash changed is recomputed, its neighbours are not."""
    return hashlib.sha256(json.dumps(effective(settings), sort_keys=True, default=str).encode()).hexdigest()[:12]


def settings_tables(tenants: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, pa.Table]:
    """Relations `settings`, `qualifying_types`, `internal_rules` for (tenant, settings) pairs; schemas above."""
    rows, types, internal = [], [], []
    for tenant, settings in tenants:
        values = effective(settings)
        rows.append(
            {
                "tenant_id": tenant,
                "session_gap_seconds": int(values["session_gap_minutes"]) * 60,
                "event_time_clamp_seconds": int(values["event_time_clamp_minutes"]) * 60,
                "trend_min_events": int(values["trend_min_events"]),
            }
        )
        types += [{"tenant_id": tenant, "type": name} for name in values["qualifying_types"]]
        for kind, plural in (("domain", "domains"), ("user", "users"), ("account", "accounts")):
            for item in values["internal_users"].get(plural, []):
                value = item.lower() if kind == "domain" else item
                internal.append({"tenant_id": tenant, "kind": kind, "value": value})
    return {
        "settings": pa.Table.from_pylist(rows, schema=SETTINGS_SCHEMA),
        "qualifying_types": pa.Table.from_pylist(types, schema=QUALIFYING_SCHEMA),
        "internal_rules": pa.Table.from_pylist(internal, schema=INTERNAL_SCHEMA),
    }
