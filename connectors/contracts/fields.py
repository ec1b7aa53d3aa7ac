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


def text(_: str, written: str) -> str:
    """As it is."""
    return written


def time(name: str, written: str) -> str:
    """An ISO 8601 time in UTC."""
    try:
        return iso(parse_micros(written))
    except NotATime:
        raise Refused(reasons.NOT_ISO.format(field=name, value=shown(written))) from None


def day(name: str, written: str) -> str:
    """The UTC day of an ISO 8601 date or time."""
    try:
        return parse_day(written).isoformat()
    except NotATime:
        raise Refused(reasons.NOT_ISO_DAY.format(field=name, value=shown(written))) from None


def count(name: str, written: str) -> str:
    """A whole number of 0 or more."""
    number = _decimal(written)
    if number is not None and number >= 0 and number == number.to_integral_value() and number < 2**63:
        return str(int(number))
    raise Refused(reasons.BAD_INTEGER.format(field=name, value=shown(written)))


def positive_count(name: str, written: str) -> str:
    """A whole number of 1 or more, as an interval has them."""
    number = count(name, written)
    if not 1 <= int(number) <= 1200:
        raise Refused(reasons.BAD_COUNT.format(field=name, value=shown(written)))
    return number


def amount(name: str, written: str) -> str:
    """An exact decimal of at most 12 decimal places and a million million, in digits without an exponent."""
    return _digits(name, written, LARGEST_AMOUNT)


def price(name: str, written: str) -> str:
    """An amount that is not negative."""
    number = amount(name, written)
    if number.startswith("-"):
        raise Refused(reasons.NEGATIVE.format(field=name, value=shown(written)))
    return number


def rate(name: str, written: str) -> str:
    """An exchange rate: a decimal above 0."""
    number = _digits(name, written, LARGEST_RATE)
    if number.startswith("-") or number == "0":
        raise Refused(reasons.BAD_RATE.format(field=name, value=shown(written)))
    return number


def currency(name: str, written: str) -> str:
    """An ISO 4217 code that has a minor unit, in capitals."""
    code = written.upper()
    if code not in currencies():
        raise Refused(reasons.UNKNOWN_CURRENCY.format(field=name, value=shown(written)))
    return code


def boolean(name: str, written: str) -> str:
    """`true` or `false`."""
    word = written.lower()
    if word not in _TRUE and word not in _FALSE:
        raise Refused(reasons.BAD_BOOLEAN.format(field=name, value=shown(written)))
    return "true" if word in _TRUE else "false"


def one_of(*words: str) -> Spelling:
    """A spelling that takes these words only, in any case."""

    def spelled(name: str, written: str) -> str:
        if written.lower() not in words:
            raise Refused(reasons.UNKNOWN_VALUE.format(field=name, value=shown(written), known=", ".join(words)))
        return written.lower()

    return spelled


# By the name of a declared kind (warehouse_models/objects/declaration.py); `one_of` has a spelling for its words.
BY_KIND: dict[str, Spelling] = {
    each.__name__: each for each in (text, time, day, count, positive_count, price, amount, rate, currency, boolean)
}


def _digits(name: str, written: str, limit: Decimal) -> str:
    number = _decimal(written)
    if number is None or not number.is_finite():
        raise Refused(reasons.BAD_DECIMAL.format(field=name, value=shown(written)))
    if abs(number) >= limit:
        raise Refused(reasons.TOO_LARGE.format(field=name, value=shown(written), limit=f"{limit:,}"))
    if number == 0:
        return "0"
    digits = format(number.normalize(), "f")
    if len(digits.partition(".")[2]) > FRACTION_DIGITS:
        raise Refused(reasons.TOO_FINE.format(field=name, value=shown(written), digits=FRACTION_DIGITS))
    return digits


def _decimal(written: str) -> Decimal | None:
    # Decimal takes digits of other scripts and underscores; Arrow, Spark and DuckDB do not.
    if not written.isascii() or "_" in written or len(written) > 60:
        return None
    try:
        return Decimal(written)
    except InvalidOperation:
        return None
