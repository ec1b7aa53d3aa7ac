"""What a served statement may be: one SELECT over relations of schema `marts`, and nothing that reaches past them.

The statement is judged on DuckDB's own syntax tree (`json_serialize_sql`), made by the parser that will run it: a
second parser could read the same text differently, and the difference would be the hole.

    text ─▶ length, brackets ─▶ one statement, SELECT ─▶ syntax tree ─▶ relations in scope, functions by name ─▶ run
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb

from serving.functions import ALLOWED
from serving.growth import Growth
from warehouse_models.errors import TenureError

MAX_CHARACTERS = 100_000
MAX_BRACKETS = 100
MAX_DEPTH = 400
MAX_SELECTS = 100
MAX_PAD = 1_000

_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"}
_SOURCES = {"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST", "PIVOT"}
_BOUNDED = {"lpad", "rpad"}
# Matching goes back for every wildcard (a pattern of eleven ran for minutes over 200 characters), unless the pattern
# stands in the statement and knows no wildcard but %.
_LIKE = {"~~", "!~~"}
_PATTERNS = _LIKE | {"~~*", "!~~*", "~~~", "like_escape", "not_like_escape", "ilike_escape", "not_ilike_escape"}
_WILDCARDS = 3
_SMALLER = "build it in fewer steps, or out of shorter texts"
_FLATTER = "write it flatter, or with WITH"
_NEXT = "write one SELECT over relations of schema marts; `tenure sql --tables` lists them"


class Refused(TenureError):
    """A statement that is not served. `what` is the part that was refused."""

    def __init__(self, what: str, why: str, next_step: str = _NEXT) -> None:
        super().__init__(what, why, next_step)


def check(connection: duckdb.DuckDBPyConnection, statement: str, relations: Collection[str]) -> None:
    """Refuse `statement` unless it is one SELECT over `relations` (names in schema marts, lower case).

    `connection` only parses here; nothing runs. Raises Refused with the part, the reason and the next step.
    """
    _check_size(statement)
    try:
        statements = connection.extract_statements(statement)
    except duckdb.Error as error:
        raise Refused("the statement", _first_line(error), "mend the SQL") from error
    if len(statements) != 1:
        raise Refused("the statement", f"it holds {len(statements)} statements, one is served at a time")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise Refused(f"a statement of type {statements[0].type.name}", "only SELECT is served; nothing here writes")
    _Walk(relations).query(_tree(connection, statement))


def _check_size(statement: str) -> None:
    if not statement.strip():
        raise Refused("the statement", "it is empty")
    if len(statement) > MAX_CHARACTERS:
        raise Refused("the statement", f"it is longer than {MAX_CHARACTERS} characters")
    if "\0" in statement:
        raise Refused("the statement", "it holds a NUL character")
    # Counted without regard to quotes: it keeps absurd input from the parser, the tree is measured exactly below.
    depth = deepest = 0
    for character in statement:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    if deepest > MAX_BRACKETS:
        raise Refused("the statement", f"its brackets are nested deeper than {MAX_BRACKETS}", _FLATTER)


def _tree(connection: duckdb.DuckDBPyConnection, statement: str) -> Mapping[str, Any]:
    try:
        row = connection.execute("select json_serialize_sql(?::varchar, skip_empty := true)", [statement]).fetchone()
        parsed = json.loads(row[0]) if row else {"error": True}
    except (duckdb.Error, RecursionError) as error:
        raise Refused("the statement", _first_line(error), "write it flatter and shorter") from error
    if parsed.get("error") or len(parsed.get("statements", [])) != 1:
        raise Refused("the statement", parsed.get("error_message") or "it cannot be read")
    node: Mapping[str, Any] = parsed["statements"][0]["node"]
    return node


class _Walk:
    """One pass over a syntax tree, with the names of the common table expressions that are in scope."""

    def __init__(self, relations: Collection[str]) -> None:
        self.relations = relations
        self.growth = Growth()
        self.selects = 0
        self.depth = 0

    def query(self, node: Mapping[str, Any], scope: frozenset[str] = frozenset()) -> None:
        """A SELECT, a set operation or a recursive expression."""
        kind = node.get("type")
        if kind not in _NODES:
            raise Refused(str(kind).lower(), "this kind of query is not served")
        self.selects += 1
        if self.selects > MAX_SELECTS:
            raise Refused("the statement", f"it holds more than {MAX_SELECTS} SELECTs", "split it")
        for entry in node.get("cte_map", {}).get("map", []):
            name = str(entry["key"]).lower()
            if name in self.relations:
                raise Refused(f"WITH {name}", f"it would hide the mart marts.{name}", "give it another name")
            self.inside(entry["value"], scope)
            scope = scope | {name}
        if kind == "RECURSIVE_CTE_NODE":
            scope = scope | {str(node.get("cte_name", "")).lower()}
        for key, value in node.items():
            if key == "cte_map":
                continue
            if key == "from_table":
                self.source(value, scope)
            elif key in ("left", "right"):
                self.query(value, scope)
            elif key == "children" and kind == "SET_OPERATION_NODE":
                for child in value:
                    self.query(child, scope)
            else:
                self.inside(value, scope)

    def source(self, ref: Mapping[str, Any], scope: frozenset[str]) -> None:
        """What stands after FROM."""
        kind = ref.get("type")
        if kind == "TABLE_FUNCTION":
            name = ref.get("function", {}).get("function_name") or "a table function"
            raise Refused(f"{name}() after FROM", "table functions read files and catalogues, so none is served")
        if kind == "SHOW_REF":
            raise Refused("SHOW, DESCRIBE and SUMMARIZE", "they read the catalogue", "`tenure sql --tables` lists it")
        if kind not in _SOURCES:
            raise Refused(str(kind).lower().replace("_", " "), "this source is not served")
        if kind == "BASE_TABLE":
            self.table(ref, scope)
        for key, value in ref.items():
            if kind == "JOIN" and key in ("left", "right") or kind == "PIVOT" and key == "source":
                with self.nested():
                    self.source(value, scope)
            elif key != "type":
                self.inside(value, scope)

    def table(self, ref: Mapping[str, Any], scope: frozenset[str]) -> None:
        """A relation by name: `marts.<mart>`, a bare mart, or a WITH name in scope."""
        catalogue, schema, name = (str(ref.get(key) or "") for key in ("catalog_name", "schema_name", "table_name"))
        full = ".".join(part for part in (catalogue, schema, name) if part)
        if catalogue:
            raise Refused(full, "names of another catalogue are not served")
        if ref.get("at_clause"):
            raise Refused(f"{full} AT", "a mart is served as it was published last")
        if schema.lower() not in ("", "marts"):
            raise Refused(full, f"only schema marts is served, not {schema}")
        if name.lower() in self.relations or (not schema and name.lower() in scope):
            return
        raise Refused(full, "there is no such mart")

    def inside(self, value: Any, scope: frozenset[str]) -> None:
        """Any other part of the tree: look for queries and functions in it."""
        if isinstance(value, list):
            with self.nested():
                for item in value:
                    self.inside(item, scope)
        elif isinstance(value, dict):
            kind = value.get("type")
            if isinstance(kind, str) and kind in _NODES:
                with self.nested():
                    self.query(value, scope)
                return
            if "function_name" in value:
                self.function(value)
            elif kind == "VALUE_CONSTANT":
                self.constant(value)
            if kind in ("TABLE_FUNCTION", "SHOW_REF", "BASE_TABLE"):
                # A source where none is expected: judged all the same.
                self.source({"type": kind, **{k: v for k, v in value.items() if not isinstance(v, dict)}}, scope)
            with self.nested():
                for item in value.values():
                    self.inside(item, scope)

    def function(self, node: Mapping[str, Any]) -> None:
        """A call, an operator or a window function: by name, whatever schema it is asked from."""
        name = str(node["function_name"]).lower()
        if name not in ALLOWED:
            raise Refused(f"{name}()", "this function is not on the list of those that only compute")
        if name in _BOUNDED:
            children = node.get("children", [])
            width = children[1].get("value", {}).get("value") if len(children) > 1 else None
            if not isinstance(width, int) or width > MAX_PAD:
                raise Refused(f"{name}()", f"its width must be a number up to {MAX_PAD}")
        if name in _PATTERNS:
            self.pattern(name, node.get("children", []))
        if why := self.growth.call(name, node.get("children", [])):
            raise Refused(f"{name}()", why, _SMALLER)

    def pattern(self, name: str, children: list[Mapping[str, Any]]) -> None:
        """What LIKE, ILIKE and GLOB compare with."""
        text = children[1].get("value", {}).get("value") if len(children) > 1 else None
        if not isinstance(text, str):
            raise Refused(f"the pattern of {name}", "it is not a text in the statement", "write it as '…'")
        wildcards = text.count("%") + text.count("*")
        if wildcards > _WILDCARDS and not (name in _LIKE and "_" not in text):
            why = f"it holds more than {_WILDCARDS} wildcards"
            raise Refused(f"the pattern of {name}", why, "use fewer, or regexp_matches()")

    def constant(self, node: Mapping[str, Any]) -> None:
        """A constant: only its length matters."""
        text = node.get("value", {}).get("value")
        if isinstance(text, str) and (why := self.growth.text(len(text))):
            raise Refused("the statement", why, _SMALLER)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper; refused where the tree is deeper than an honest statement is."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Refused("the statement", "it is nested too deeply", _FLATTER)
        yield
        self.depth -= 1


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
