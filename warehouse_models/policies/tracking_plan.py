"""A tenant's tracking plan: which track events are features, what they must carry, which are ignored (METRICS §1).

    version: 3                                  # yours to count; a change of anything restates the tenant
    events:
      Report Created: {feature: reports, required: [report_id]}
      Report Shared: {feature: reports}
      Report Opened:                            # no feature named: a feature of its own name
      Heartbeat: {ignore: true}                 # known, and no feature

`read` takes the file, `checked` its content; both give the same plain mapping, which is what the catalog keeps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from warehouse_models.errors import TenureError

_MOST_BYTES = 1 << 20
_EXAMPLE = (
    "e.g. {version: 1, events: {Report Created: {feature: reports, required: [report_id]}, Beat: {ignore: true}}}"
)
# A property is looked up by a JSON path, in which each engine gives these another meaning.
_NOT_IN_A_PATH = re.compile(r"[.\[\]*?'\"\\\x00-\x1f]|^\s|\s$")


class _Loader(yaml.SafeLoader):
    """YAML in which a key given twice is an error: the last one would win without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen and isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, f"{key_node.value!r} stands twice", node.start_mark)
            seen.add(key_node.value if isinstance(key_node, yaml.ScalarNode) else id(key_node))
        return super().construct_mapping(node, deep)


def read(path: Path) -> dict[str, Any]:
    """The checked plan in the YAML file `path`; TenureError says what is wrong with the file or the plan."""
    try:
        with path.expanduser().open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise _wrong(f"{path} is larger than {_MOST_BYTES:,} bytes", "plan events, not messages")
        plan = yaml.load(raw.decode("utf-8"), _Loader)
    except OSError as error:
        raise _wrong(
            f"{path} cannot be read: {error.strerror}", "tenure tenant set T tracking_plan=FILE.yaml"
        ) from None
    except UnicodeDecodeError:
        raise _wrong(f"{path} is no UTF-8 text", "save it as UTF-8") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        why = " ".join(str(error).split()) or "nested too deeply"
        raise _wrong(f"{path} is no YAML: {why}", "mend it at that line") from None
    return checked(plan)


def checked(plan: Any) -> dict[str, Any]:
    """`plan` with every feature named, lists sorted, nothing else in it; TenureError names what is wrong."""
    if not isinstance(plan, Mapping):
        raise _wrong("it is no mapping", _EXAMPLE)
    _check_keys(plan, {"version", "events"}, "the plan")
    version, events = plan.get("version"), plan.get("events")
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version < 10**9:
        raise _wrong(f"version {version!r} is no whole number from 1", "count it up with each change")
    if not isinstance(events, Mapping) or not events:
        raise _wrong("it names no events", _EXAMPLE)
    return {"version": version, "events": {_text(name, "event"): _entry(name, entry) for name, entry in events.items()}}


def summary(plan: Mapping[str, Any]) -> str:
    """A plan in a few words, for a table that people read."""
    return f"version {plan['version']} ({len(plan['events'])} events)"


def events(plan: Mapping[str, Any] | None) -> list[tuple[str, str | None]]:
    """(event, feature) of everything the plan names; None: ignored."""
    return [(name, entry.get("feature")) for name, entry in (plan or {"events": {}})["events"].items()]


def properties(plan: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """(event, property) of everything the plan requires."""
    entries = (plan or {"events": {}})["events"].items()
    return [(name, required) for name, entry in entries for required in entry.get("required", ())]


def _entry(name: Any, entry: Any) -> dict[str, Any]:
    entry = {} if entry is None else entry
    if not isinstance(entry, Mapping):
        raise _wrong(f"event {name!r} is {entry!r}, which is no mapping", _EXAMPLE)
    _check_keys(entry, {"feature", "required", "ignore"}, f"event {name!r}")
    ignored, required = entry.get("ignore", False), entry.get("required", [])
    if not isinstance(ignored, bool):
        raise _wrong(f"event {name!r}: ignore is {ignored!r}", "write ignore: true")
    if ignored:
        if entry.get("feature") is not None or required:
            raise _wrong(f"event {name!r} is ignored and something else too", "leave out ignore, or the rest")
        return {"ignore": True}
    if not isinstance(required, list):
        raise _wrong(f"event {name!r}: required is no list", "write required: [report_id]")
    names = {_text(item, f"property of event {name!r}") for item in required}
    if bad := sorted(item for item in names if _NOT_IN_A_PATH.search(item)):
        raise _wrong(f"event {name!r}: property {bad[0]!r} is no plain name", "name top-level properties")
    feature = _text(entry["feature"], f"feature of event {name!r}") if entry.get("feature") is not None else str(name)
    return {"feature": feature} | ({"required": sorted(names)} if names else {})


def _text(value: Any, what: str) -> str:
    # YAML reads `on`, `2024-01-01` and `1` as something else than what is written there.
    if not isinstance(value, str):
        raise _wrong(f"{what} {value!r} is read as a {type(value).__name__}", "put it in quotes")
    if not value.strip():
        raise _wrong(f"{what} {value!r} is empty", "write the name as it is sent")
    return value


def _check_keys(mapping: Mapping[Any, Any], allowed: set[str], where: str) -> None:
    if unknown := [key for key in mapping if key not in allowed]:
        raise _wrong(f"{where} has a key {unknown[0]!r}", f"known keys: {', '.join(sorted(allowed))}")


def _wrong(why: str, next_step: str) -> TenureError:
    return TenureError("setting tracking_plan", why, next_step)
