"""Sizes, names and calls in the text of our Python and SQL files."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

PRODUCT = ("connectors", "warehouse_models", "serving", "transforms", "dashboards", "orchestration")
TESTS = ("tests", "bench")
_LEFT_BEHIND = {"target", "logs", "dbt_packages", "node_modules", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
# A size and the place that has it.
Size = tuple[int, str]


class Files:
    """The Python and SQL files below `root`: our packages and the dbt project, without what tools leave behind."""

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = [path for folder in (*PRODUCT, *TESTS, "dbt_project") for path in (root / folder).rglob("*.*")]
        names = [path.relative_to(root) for path in paths if path.suffix in (".py", ".sql")]
        self.names = sorted(name for name in names if not _LEFT_BEHIND & set(name.parts))

    def folders(self) -> list[Size]:
        """Modules and SQL texts of each folder, beside its sub-folders and its __init__.py; the fullest first."""
        parents = [name.parent for name in self.names if name.name != "__init__.py"]
        return _largest((parents.count(folder), str(folder)) for folder in set(parents))

    def modules(self, packages: tuple[str, ...]) -> list[Size]:
        """Lines of each Python module; the longest first."""
        return _largest((self._lines(name), str(name)) for name in self._python(packages))

    def models(self) -> list[Size]:
        """Lines of each SQL text of the product; the longest first."""
        texts = [name for name in self.names if name.suffix == ".sql" and name.parts[0] not in TESTS]
        return _largest((self._lines(name), str(name)) for name in texts)

    def functions(self) -> list[Size]:
        """Lines of each function of the product; the longest first."""
        return _largest(
            ((node.end_lineno or node.lineno) - node.lineno + 1, f"{place} {node.name}")
            for place, node in self._nodes(PRODUCT)
            if isinstance(node, Function)
        )

    def parameters(self) -> list[Size]:
        """Parameters of each function of the product without `self`; options of commands do not count."""
        return _largest(
            (sum(argument.arg not in ("self", "cls") for argument in _arguments(node)), f"{place} {node.name}")
            for place, node in self._nodes(PRODUCT)
            if isinstance(node, Function) and not any(_called(by).endswith(".command") for by in node.decorator_list)
        )

    def calls(self, function: str, packages: tuple[str, ...]) -> list[str]:
        """Places that call `function`, by whatever module it is reached."""
        return [
            place
            for place, node in self._nodes(packages)
            if isinstance(node, ast.Call) and _called(node).split(".")[-1] == function
        ]

    def literals(self, part: str, packages: tuple[str, ...]) -> list[str]:
        """Places whose literal text contains `part`; documentation is none."""
        documentation = {id(node.value) for _, node in self._nodes(packages) if isinstance(node, ast.Expr)}
        return [
            place
            for place, node in self._nodes(packages)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            if part in node.value and id(node) not in documentation
        ]

    def bound(self, words: frozenset[str], packages: tuple[str, ...]) -> list[str]:
        """Places that bind one of `words` as a variable, a field or a parameter."""
        return [f"{place} {word}" for place, node in self._nodes(packages) if (word := _bound(node)) in words]

    def private_names(self) -> list[str]:
        """Places where tests reach what begins with an underscore in another module.

        Mutations of the fault campaigns break the product from within, so they are free to.
        """
        places = []
        for name in self._python(TESTS):
            if name.name == "mutations.py":
                continue
            imported = set()
            nodes = list(ast.walk(self._trees[name]))
            for node in nodes:
                if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PRODUCT + TESTS:
                    imported |= {alias.asname or alias.name for alias in node.names}
                    places += [f"{name}:{node.lineno} {a.name}" for a in node.names if _is_private(a.name)]
            for node in nodes:
                match node:
                    case ast.Attribute(attr=word, value=ast.Name(id=owner)) if owner in imported:
                        pass
                    case ast.Call(func=ast.Attribute(attr="setattr"), args=[_, ast.Constant(value=str(word)), *_]):
                        pass
                    case _:
                        continue
                if _is_private(word):
                    places.append(f"{name}:{node.lineno} {word}")
        return places

    def _python(self, packages: tuple[str, ...]) -> list[Path]:
        return [name for name in self.names if name.suffix == ".py" and name.parts[0] in packages]

    def _nodes(self, packages: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
        for name in self._python(packages):
            for node in ast.walk(self._trees[name]):
                yield f"{name}:{getattr(node, 'lineno', 0)}", node

    def _lines(self, name: Path) -> int:
        return len((self.root / name).read_text(encoding="utf-8").splitlines())

    @cached_property
    def _trees(self) -> dict[Path, ast.Module]:
        python = self._python(PRODUCT + TESTS)
        return {name: ast.parse((self.root / name).read_text(encoding="utf-8")) for name in python}


def _arguments(node: Function) -> list[ast.arg]:
    return node.args.posonlyargs + node.args.args + node.args.kwonlyargs


def _bound(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=word, ctx=ast.Store()) | ast.Attribute(attr=word, ctx=ast.Store()):
            return word
        case ast.arg(arg=word) | ast.MatchAs(name=word):
            return word
    return None


def _called(node: ast.expr) -> str:
    """`lake.duck` of `lake.duck(…)`; empty where what is called has no name."""
    if isinstance(node, ast.Call):
        node = node.func
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _largest(sizes: Iterable[Size]) -> list[Size]:
    return sorted(sizes, key=lambda size: (-size[0], size[1]))
