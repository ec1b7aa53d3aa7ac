"""The words in which a canonical object is declared. Of the standard library alone, so that help comes at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What a field's text is: `name` finds its spelling in `connectors/contracts/fields.py`.

    `type` is its type in silver, `shown` how documentation describes it, `length` the characters that every value of it
    has once spelled (None: any), `words` those that it takes where it takes no others.
    """

    name: str
    type: str
    shown: str
    length: int | None = None
    words: tuple[str, ...] = ()


_DECIMAL = "decimal(38,12)"

TEXT = Kind("text", "string", "text")
JSON = Kind("json", "string", "object")
TIME = Kind("time", "timestamp", "time")
DAY = Kind("day", "date", "day", length=10)
COUNT = Kind("count", "bigint", "whole number, 0 or more")
INTERVALS = Kind("positive_count", "bigint", "whole number from 1 to 1200")
PRICE = Kind("price", _DECIMAL, "decimal number, 0 or more")
AMOUNT = Kind("amount", _DECIMAL, "decimal number")
RATE = Kind("rate", _DECIMAL, "decimal number above 0")
CURRENCY = Kind("currency", "string", "currency", length=3)
BOOLEAN = Kind("boolean", "boolean", "true or false")


def one_of(*words: str) -> Kind:
    """The kind of a field that takes these words only, in any case."""
    return Kind("one_of", "string", f"{', '.join(words[:-1])} or {words[-1]}", words=words)


@dataclass(frozen=True)
class Field:
    """One column that a file of the object may have.

    `meaning` is a sentence, `absent` a phrase: what holds where a file leaves it empty. `otherwise` is the value that
    silver has there, as Spark SQL, where it is not null; columns of the payload stand in it as `{name}`. `pii`: as in
    Pii. `required`: a row without it is refused. `decisive`: a figure follows from it, so a row in which it cannot be
    read must not count; a descriptive one could be lost without changing any. `dates`: it says up to when a file is
    true where nobody told (METRICS §2, "The end of the data is not churn").
    """

    name: str
    kind: Kind
    meaning: str
    absent: str = ""
    otherwise: str = ""
    pii: str = "none"
    required: bool = False
    decisive: bool = False
    dates: bool = False

    @property
    def description(self) -> str:
        """What it says, with the words that it takes."""
        return f"{self.meaning.removesuffix('.')}: {self.kind.shown}." if self.kind.words else self.meaning


@dataclass(frozen=True)
class CanonicalObject:
    """What a row of a landed file is. `one` names a thing that a row is about ("an account").

    `key`: the fields that make a record's id, joined by @; only the first may have any length, so that no two keys
    meet. `note` says in silver's description, `id_note` in its text, what a reader would stumble over.
    `had_empty_cells`: bronze has rows from before the contract took empty cells for absent.
    """

    name: str
    domain: str
    one: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    note: str = ""
    id_note: str = ""
    had_empty_cells: bool = False

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: a field is declared twice")
        if missing := [name for name in self.key if name not in names]:
            raise ValueError(f"{self.name}: key {', '.join(missing)} is no field")
        if any(self.field(name).kind.length is None for name in self.key[1:]):
            raise ValueError(f"{self.name}: two keys could have one id, for a part behind the first has any length")

    @property
    def address(self) -> str:
        """Of its table in bronze."""
        return f"bronze/{self.domain}/{self.name}"

    @property
    def typed_address(self) -> str:
        """Of its table in silver."""
        return f"silver/{self.domain}/{self.name}"

    @property
    def is_record(self) -> bool:
        """Whether its rows are versions of records: all but events, which happen once."""
        return self.name != "events"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its fields."""
        return tuple(field.name for field in self.fields)

    @property
    def in_silver(self) -> tuple[Field, ...]:
        """Its fields as silver has them: the key first."""
        return (*map(self.field, self.key), *(field for field in self.fields if field.name not in self.key))

    def field(self, name: str) -> Field:
        """The field called `name`; KeyError names the object."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no field {name}")
