"""One spelling of a field's text, or the reason it is refused: a time, a day, a number, a currency, one of a list."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from connectors.contracts import reasons
from connectors.contracts.reasons import Refused, shown
from connectors.contracts.times import NotATime, iso, parse_day, parse_micros
from warehouse_models.policies.currencies import currencies

Spelling = Callable[[str, str], str]

# Silver holds decimals as decimal(38,12). Larger amounts would not fit into 64-bit minor units once they are monthly.
FRACTION_DIGITS = 12
LARGEST_AMOUNT = Decimal(10) ** 12
LARGEST_RATE = Decimal(10) ** 8
_TRUE, _FALSE = frozenset(("true", "t", "yes", "y", "1")), frozenset(("false", "f", "no", "n", "0"))


def text(_: str, told: str) -> str:
    """As it is."""
    return told


def time(name: str, told: str) -> str:
    """An ISO 8601 time in UTC."""
    try:
        return iso(parse_micros(told))
    except NotATime:
        raise Refused(reasons.NOT_ISO.format(field=name, value=shown(told))) from None


def day(name: str, told: str) -> str:
    """The UTC day of an ISO 8601 date or time."""
    try:
        return parse_day(told).isoformat()
    except NotATime:
        raise Refused(reasons.NOT_ISO_DAY.format(field=name, value=shown(told))) from None


def count(name: str, told: str) -> str:
    """A whole number of 0 or more."""
    number = _decimal(told)
    if number is not None and number >= 0 and number == number.to_integral_value() and number < 2**63:
        return str(int(number))
    raise Refused(reasons.BAD_INTEGER.format(field=name, value=shown(told)))


def positive_count(name: str, told: str) -> str:
    """A whole number of 1 or more, as an interval has them."""
    number = count(name, told)
    if not 1 <= int(number) <= 1200:
        raise Refused(reasons.BAD_COUNT.format(field=name, value=shown(told)))
    return number


def amount(name: str, told: str) -> str:
    """An exact decimal of at most 12 decimal places and a million million, in digits without an exponent."""
    return _digits(name, told, LARGEST_AMOUNT)


def price(name: str, told: str) -> str:
    """An amount that is not negative."""
    found = amount(name, told)
    if found.startswith("-"):
        raise Refused(reasons.NEGATIVE.format(field=name, value=shown(told)))
    return found


def rate(name: str, told: str) -> str:
    """An exchange rate: a decimal above 0."""
    found = _digits(name, told, LARGEST_RATE)
    if found.startswith("-") or found == "0":
        raise Refused(reasons.BAD_RATE.format(field=name, value=shown(told)))
    return found


def currency(name: str, told: str) -> str:
    """An ISO 4217 code that has a minor unit, in capitals."""
    code = told.upper()
    if code not in currencies():
        raise Refused(reasons.UNKNOWN_CURRENCY.format(field=name, value=shown(told)))
    return code


def boolean(name: str, told: str) -> str:
    """`true` or `false`."""
    word = told.lower()
    if word not in _TRUE and word not in _FALSE:
        raise Refused(reasons.BAD_BOOLEAN.format(field=name, value=shown(told)))
    return "true" if word in _TRUE else "false"


def one_of(*words: str) -> Spelling:
    """A spelling that takes these words only, in any case."""

    def spelled(name: str, told: str) -> str:
        if told.lower() not in words:
            known = ", ".join(words)
            raise Refused(reasons.UNKNOWN_VALUE.format(field=name, value=shown(told), known=known))
        return told.lower()

    return spelled


def _digits(name: str, told: str, limit: Decimal) -> str:
    number = _decimal(told)
    if number is None or not number.is_finite():
        raise Refused(reasons.BAD_DECIMAL.format(field=name, value=shown(told)))
    if abs(number) >= limit:
        raise Refused(reasons.TOO_LARGE.format(field=name, value=shown(told), limit=f"{limit:,}"))
    if number == 0:
        return "0"
    found = format(number.normalize(), "f")
    if len(found.partition(".")[2]) > FRACTION_DIGITS:
        raise Refused(reasons.TOO_FINE.format(field=name, value=shown(told), digits=FRACTION_DIGITS))
    return found


def _decimal(told: str) -> Decimal | None:
    # Decimal takes digits of other scripts and underscores; Arrow, Spark and DuckDB do not.
    if not told.isascii() or "_" in told or len(told) > 60:
        return None
    try:
        return Decimal(told)
    except InvalidOperation:
        return None
