"""Policies as data: defaults from `policies/*.yaml`, overridden per tenant by catalog settings.

`settings_tables` turns them into small relations that transforms and dbt join: no policy value stands in SQL.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from warehouse_models.errors import TenureError
from warehouse_models.policies import revenue as revenue_policy
from warehouse_models.policies import tracking_plan
from warehouse_models.policies.currencies import currencies
from warehouse_models.policies.quotas import DEFAULTS as QUOTAS
from warehouse_models.types import to_arrow

FOLDER = Path(__file__).parent
_META = {"name", "version", "valid_from"}
_TYPES = ("track", "page", "screen", "identify", "group", "alias")
_DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)*")

# A gap of more than a day would join days that a session's four-day window does not see (transforms/product/sessions).
_BOUNDS = {"session_gap_minutes": (1, 1440), "event_time_clamp_minutes": (0, 1440), "trend_min_events": (0, 10**9)}

# The relations that SQL reads, with their columns after tenant_id.
_SETTINGS = (
    ("session_gap_seconds", pa.int64()),
    ("event_time_clamp_seconds", pa.int64()),
    ("trend_min_events", pa.int64()),
    ("has_plan", pa.bool_()),
    ("reporting_currency", pa.string()),
)
_RELATIONS: Mapping[str, tuple[tuple[str, pa.DataType], ...]] = {
    "settings": _SETTINGS,
    "qualifying_types": (("type", pa.string()),),
    "internal_rules": (("kind", pa.string()), ("value", pa.string())),
    "plan_events": (("event", pa.string()), ("feature", pa.string())),
    "plan_properties": (("event", pa.string()), ("property", pa.string())),
    "plan_features": (("feature", pa.string()),),
    "revenue_profiles": revenue_policy.COLUMNS,
}
RELATIONS = tuple(_RELATIONS)
# What a text can depend on: the columns of `settings` one by one, the other relations as a whole.
FACTS = (*(name for name, _ in _SETTINGS), *(name for name in _RELATIONS if name != "settings"))


@cache
def engagement_defaults() -> Mapping[str, Any]:
    """Values of the engagement policy without its name and version."""
    loaded = yaml.safe_load((FOLDER / "engagement.v1.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in loaded.items() if key not in _META}


def check_key(key: str) -> None:
    """TenureError where there is no setting `key`; names those that are."""
    settings = sorted([*engagement_defaults(), *revenue_policy.defaults(), "reporting_currency", "tracking_plan"])
    if key not in settings:
        why = "there is no such setting"
        raise TenureError(f"setting {key}", why, f"known settings: {', '.join(settings)}; quotas: {', '.join(QUOTAS)}")


def check_setting(key: str, value: Any) -> Any:
    """The value of setting `key` in its right type; TenureError names what is allowed.

    `value` may come from the command line as text; lists as `track,page`, mappings as JSON, a tracking plan as the name
    of its file. What means the same comes out equal, so that saying it again changes nothing.
    """
    check_key(key)
    defaults = engagement_defaults()
    if key == "tracking_plan":
        return tracking_plan.read(Path(value)) if isinstance(value, str) else tracking_plan.checked(value)
    if revenue_policy.is_policy(key):
        return revenue_policy.check(key, value)
    if key == "reporting_currency":
        if value not in currencies():
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
        items = {str(item).strip() for item in (value.split(",") if isinstance(value, str) else value)}
        unknown = sorted(items - set(_TYPES))
        if unknown or not items:
            raise TenureError(
                f"setting {key}", f"{unknown or 'nothing'} is no event type", f"types: {', '.join(_TYPES)}"
            )
        return [name for name in _TYPES if name in items]
    if isinstance(defaults[key], dict):
        return _internal_users(key, value)
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise TenureError(f"setting {key}", f"{value!r} is no ISO date", f"e.g. {defaults[key]}") from None


def _internal_users(key: str, value: Any) -> dict[str, list[str]]:
    kinds = engagement_defaults()[key]
    example = json.dumps({"domains": ["example.com"], "users": [], "accounts": []})
    try:
        rules = json.loads(value) if isinstance(value, str) else value
        if not isinstance(rules, Mapping) or set(rules) - set(kinds):
            raise ValueError
        items_of = {kind: rules.get(kind, []) for kind in kinds}
        if not all(isinstance(items, list) for items in items_of.values()):
            raise ValueError
    except (ValueError, RecursionError):
        raise TenureError(f"setting {key}", "it is not the mapping it should be", f"e.g. '{example}'") from None
    for kind, items in items_of.items():
        for item in items:
            if not isinstance(item, str) or not item.strip():
                raise TenureError(f"setting {key}", f"{item!r} in {kind} is no text", f"e.g. '{example}'")
    items_of["domains"] = [domain.lower() for domain in items_of["domains"]]
    if bad := [domain for domain in items_of["domains"] if not _DOMAIN.fullmatch(domain)]:
        # It is compared with what stands after the @ of an address, so it would match nobody without a word.
        why = f"{bad[0]!r} is no e-mail domain; there are no patterns"
        raise TenureError(f"setting {key}", why, "write what stands after the @: example.com")
    return {kind: sorted(set(items)) for kind, items in items_of.items()}


def effective(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Policy values in force for a tenant with `settings`."""
    return {key: settings.get(key, default) for key, default in engagement_defaults().items()}


def settings_hash(settings: Mapping[str, Any], reads: Iterable[str]) -> str:
    """Hash of those values of a tenant that something reads (names out of FACTS), defaults included.

    Who reads a value is computed anew for the tenants whose hash changed, and for nobody else.
    """
    rows = _rows(settings)
    values = dict(zip((name for name, _ in _SETTINGS), rows["settings"][0], strict=True)) | rows
    pairs = [(name, values[name]) for name in sorted(reads)]
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()[:12]


def settings_tables(tenants: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, pa.Table]:
    """RELATIONS as Arrow tables, each led by tenant_id, for (tenant, settings) pairs."""
    rows_of: dict[str, list[tuple[Any, ...]]] = {name: [] for name in RELATIONS}
    for tenant, settings in tenants:
        for name, rows in _rows(settings).items():
            rows_of[name] += [(tenant, *row) for row in rows]
    tables = {}
    for name, columns in _RELATIONS.items():
        schema = pa.schema([("tenant_id", pa.string()), *columns])
        tables[name] = to_arrow(schema, rows_of[name])
    return tables


def _rows(settings: Mapping[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of each relation for one tenant, without its tenant_id, in one order whatever the settings' order."""
    values, plan = effective(settings), settings.get("tracking_plan")
    gap, clamp = int(values["session_gap_minutes"]) * 60, int(values["event_time_clamp_minutes"]) * 60
    internal = values["internal_users"]
    return {
        "settings": [
            (gap, clamp, int(values["trend_min_events"]), plan is not None, settings.get("reporting_currency"))
        ],
        "revenue_profiles": revenue_policy.rows(settings),
        "qualifying_types": sorted({(name,) for name in values["qualifying_types"]}),
        "internal_rules": sorted(
            {
                (kind, item)
                for kind, plural in (("domain", "domains"), ("user", "users"), ("account", "accounts"))
                for item in internal.get(plural, [])
            }
        ),
        "plan_events": sorted(tracking_plan.events(plan)),
        "plan_properties": sorted(tracking_plan.properties(plan)),
        "plan_features": sorted({(feature,) for _, feature in tracking_plan.events(plan) if feature is not None}),
    }
