"""Currencies of ISO 4217 with their minor units: JPY 0, EUR 2, KWD 3 digits. Funds and metals have none, so no money.

Source: the maintenance agency's table one, as packaged by `iso4217` (its release names the day of the table).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import iso4217


@dataclass(frozen=True)
class Currency:
    """`digits`: decimal places of its minor unit."""

    code: str
    name: str
    digits: int


@cache
def currencies() -> dict[str, Currency]:
    """Every currency that amounts can be in, by code."""
    return {
        item.code: Currency(item.code, item.currency_name, item.exponent)
        for item in sorted(iso4217.Currency, key=lambda item: item.code)
        if item.exponent is not None
    }
