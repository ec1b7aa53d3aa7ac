"""Revenue policies (METRICS §2): defaults, a tenant's own values, and named profiles, as rows that SQL joins.

`default` is the profile that a tenant's own settings make; each file of `policies/profiles/` is one more over the same
ledger. A profile's values replace the defaults, not the tenant's settings: it answers what another reading would say.
Between the two stand the steps of a bridge: one policy after the other takes the profile's value, in the order of
`revenue.v1.yaml`, so that what each of them changes adds up to the whole difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from warehouse_models.errors import TenureError

_FOLDER = Path(__file__).parent
_META = {"name", "version", "valid_from"}
DEFAULT = "default"

_CHOICES = {
    "churn_recognition": ("end_of_service", "at_cancellation"),
    "paused": ("zero", "kept"),
    "snapshot_instant": ("last_day", "first_day_after"),
    "trials": ("excluded", "counted"),
    "discounts": ("net", "gross"),
    "unperioded_lines": ("calendar_month", "from_issue"),
}
_FACTORS = ("week_factor", "day_factor")
# Days up to which a number is a policy; `unlimited` is a number no ledger reaches.
_DAYS = {"past_due_grace_days": 3650, "reactivation_window_days": 3650, "invoice_gap_days": 366}
UNLIMITED = 1_000_000

# A row of the relation `revenue_profiles`, after tenant_id.
COLUMNS: tuple[tuple[str, pa.DataType], ...] = (
    ("profile", pa.string()),
    ("step", pa.int64()),
    ("policy", pa.string()),
    ("week_numerator", pa.int64()),
    ("week_denominator", pa.int64()),
    ("day_numerator", pa.int64()),
    ("day_denominator", pa.int64()),
    ("is_churn_at_cancellation", pa.bool_()),
    ("is_paused_kept", pa.bool_()),
    ("past_due_grace_days", pa.int64()),
    ("reactivation_window_days", pa.int64()),
    ("snapshot_offset_days", pa.int64()),
    ("is_trial_counted", pa.bool_()),
    ("is_gross", pa.bool_()),
    ("is_from_issue", pa.bool_()),
    ("invoice_gap_days", pa.int64()),
)
# Of these, the policy values alone.
VALUES = COLUMNS[3:]


@cache
def defaults() -> Mapping[str, Any]:
    """Values of the revenue policy without its name and version."""
    loaded = yaml.safe_load((_FOLDER / "revenue.v1.yaml").read_text(encoding="utf-8"))
    return {key: check(key, value) for key, value in loaded.items() if key not in _META}


@cache
def profiles() -> Mapping[str, Mapping[str, Any]]:
    """Name → its values over the defaults, of every shipped profile; ValueError names a file that is wrong."""
    values_of = {}
    for path in sorted((_FOLDER / "profiles").glob("*.yaml")):
        profile = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.name != f"{profile['name']}.v{profile['version']}.yaml" or profile["name"] == DEFAULT:
            raise ValueError(f"{path.name}: the file is called after its name and version, and not {DEFAULT}")
        if unknown := sorted(set(profile["values"]) - set(_names())):
            raise ValueError(f"{path.name}: no such policy: {unknown}")
        values_of[profile["name"]] = {key: check(key, value) for key, value in profile["values"].items()}
    return values_of


def _names() -> tuple[str, ...]:
    return (*_FACTORS, *_CHOICES, *_DAYS)


def is_policy(key: str) -> bool:
    """Whether `key` is a revenue policy, and so a setting of a tenant."""
    return key in _names()


def check(key: str, value: Any) -> Any:
    """The value of a revenue policy in one spelling; TenureError names what is allowed."""
    if key in _CHOICES:
        if value not in _CHOICES[key]:
            raise TenureError(f"setting {key}", f"{value!r} is no choice", f"choices: {', '.join(_CHOICES[key])}")
        return value
    if key in _FACTORS:
        return str(_factor(key, value))
    if value == "unlimited" and key != "invoice_gap_days":
        return value
    try:
        number = int(str(value))
    except ValueError:
        number = -1
    if not 0 <= number <= _DAYS[key]:
        why, last = f"{value!r} is no number of days from 0 to {_DAYS[key]}", " or unlimited"
        raise TenureError(f"setting {key}", why, f"days{'' if key == 'invoice_gap_days' else last}")
    return number


def _factor(key: str, value: Any) -> Fraction:
    try:
        factor = Fraction(str(value))
        if not 0 < factor <= 366 or factor.denominator > 10**6:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        why = f"{value!r} is no factor above 0"
        raise TenureError(f"setting {key}", why, "a fraction or a decimal, e.g. 52/12, 30/7, 4.33") from None
    return factor


def rows(settings: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """One tenant's rows of `revenue_profiles` in the order of COLUMNS, its own first.

    A profile has a row of the tenant's own values (step 0), and one for each policy that it reads in another way: the
    values of the row before with that one replaced. Its last row is the profile.
    """
    own = {key: settings.get(key, value) for key, value in defaults().items()}
    steps = [_row(DEFAULT, 0, None, own)]
    for name, profile in profiles().items():
        values, wanted = dict(own), {**defaults(), **profile}
        steps.append(_row(name, 0, None, values))
        for policy in (key for key in defaults() if own[key] != wanted[key]):
            values[policy] = wanted[policy]
            steps.append(_row(name, steps[-1][1] + 1, policy, values))
    return steps


def _row(name: str, step: int, policy: str | None, values: Mapping[str, Any]) -> tuple[Any, ...]:
    week, day = Fraction(values["week_factor"]), Fraction(values["day_factor"])

    def days(key: str) -> int:
        return UNLIMITED if values[key] == "unlimited" else int(values[key])

    return (
        *(name, step, policy),
        *(week.numerator, week.denominator, day.numerator, day.denominator),
        values["churn_recognition"] == "at_cancellation",
        values["paused"] == "kept",
        days("past_due_grace_days"),
        days("reactivation_window_days"),
        1 if values["snapshot_instant"] == "first_day_after" else 0,
        values["trials"] == "counted",
        values["discounts"] == "gross",
        values["unperioded_lines"] == "from_issue",
        days("invoice_gap_days"),
    )
