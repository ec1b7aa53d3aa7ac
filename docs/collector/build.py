"""Make docs/collector/index.html: the reference page, of the OpenAPI document, the guide's texts and the snippets.

    .venv/bin/python docs/collector/build.py            writes it
    .venv/bin/python docs/collector/build.py --check    says whether it is behind; test_page.py asks too

The page is one file and asks nothing of any network: code is coloured here, and search is in the page.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

HERE = Path(__file__).resolve().parent
PAGE = HERE / "index.html"
# File of a snippet -> the tab, the language as pygments calls it.
LANGUAGES = {
    "javascript.js": ("JavaScript", "javascript"),
    "python.py": ("Python", "python"),
    "node.mjs": ("Node", "javascript"),
    "swift.swift": ("Swift", "swift"),
    "kotlin.kt": ("Kotlin", "kotlin"),
    "curl.sh": ("curl", "bash"),
}
# Which of the replies SDKs take as final: they drop what they sent (CONNECTORS §3).
DOES = {
    "200": "forgets what it sent",
    "400": "drops what it sent",
    "401": "drops what it sent",
    "404": "drops what it sent",
    "405": "drops what it sent",
    "413": "drops what it sent",
    "429": "keeps it, and comes again",
    "503": "keeps it, and comes again",
}
_ASIDE = re.compile(r"^```aside (\w+) (.+?)\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)
_HTML = HtmlFormatter(nowrap=True)


def page() -> str:
    """The whole page."""
    document = yaml.safe_load((HERE / "openapi.yaml").read_text(encoding="utf-8"))
    contents = yaml.safe_load((HERE / "guide" / "contents.yaml").read_text(encoding="utf-8"))
    missing = {path.stem for path in (HERE / "guide").glob("*.md")} ^ {
        name for group in contents for name in group["sections"]
    }
    if missing:
        raise SystemExit(f"guide/contents.yaml and the files beside it differ: {sorted(missing)}")
    groups = [
        {"title": group["title"], "sections": [_section(name, document) for name in group["sections"]]}
        for group in contents
    ]
    made = Environment(
        loader=FileSystemLoader(HERE / "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    parts = {name: Markup((HERE / "page" / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js")}
    return made.get_template("page.html").render(
        groups=groups,
        css=parts["page.css"],
        js=parts["page.js"],
        languages=[title for title, _ in LANGUAGES.values()],
        title=document["info"]["title"],
    )


def _section(name: str, document: dict[str, Any]) -> dict[str, Any]:
    text = (HERE / "guide" / f"{name}.md").read_text(encoding="utf-8")
    asides = [{"title": title, "code": _code(code, kind)} for kind, title, code in _ASIDE.findall(text)]
    tables = _Tables(document)
    functions = {each: getattr(tables, each) for each in ("fields", "replies", "paths", "hooks", "metrics")}
    text = Environment(undefined=StrictUndefined).from_string(_ASIDE.sub("", text)).render(**functions)
    heading, _, rest = text.partition("\n")
    return {
        "id": name,
        "title": heading.removeprefix("# "),
        "html": Markup(_wide(MarkdownIt("commonmark").enable("table").render(rest))),
        "snippets": _snippets(name),
        "asides": asides,
        "endpoint": _endpoint(name, document),
    }


def _endpoint(name: str, document: dict[str, Any]) -> str | None:
    return f"/v1/{name}" if f"/v1/{name}" in document["paths"] else None


def _snippets(name: str) -> list[dict[str, Any]]:
    found = []
    for file, (title, kind) in LANGUAGES.items():
        path = HERE / "snippets" / name / file
        if path.exists():
            found.append({"title": title, "code": _code(path.read_text(encoding="utf-8"), kind)})
    return found


def _code(text: str, kind: str) -> Markup:
    return Markup(highlight(text.strip("\n"), get_lexer_by_name(kind), _HTML).rstrip("\n"))


def _wide(html: str) -> str:
    """Tables in a frame of their own, which scrolls on a narrow screen."""
    return html.replace("<table>", '<div class="table" tabindex="0"><table>').replace("</table>", "</table></div>")


class _Tables:
    """Parts of the guide that the OpenAPI document says, as Markdown."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def fields(self, name: str) -> str:
        """The fields of a schema, without those that every event has."""
        schema = self.document["components"]["schemas"][name]
        rows = []
        for part in schema.get("allOf", [schema])[-1:]:
            for field, told in part.get("properties", {}).items():
                mark = " *required*" if field in part.get("required", ()) else ""
                rows.append(f"| `{field}`{mark} | {self._type(told)} | {told.get('description', '')} |")
        return "| field | type | |\n|---|---|---|\n" + "\n".join(rows)

    def _type(self, told: dict[str, Any]) -> str:
        for part in told.get("allOf", ()):
            name = part["$ref"].rpartition("/")[2]
            return {"Time": "time", "Id": "text or number"}[name]
        if "enum" in told:
            return "one of six words"
        kinds = told["type"] if isinstance(told["type"], list) else [told["type"]]
        return {"string": "text", "object": "object", "array": "list"}[next(kind for kind in kinds if kind != "null")]

    def replies(self) -> str:
        """The replies: status, codes, what they mean, what an SDK does."""
        responses = self.document["components"]["responses"]
        batch = self.document["paths"]["/v1/batch"]["post"]["responses"]
        named = {status: reply["$ref"].rpartition("/")[2] for status, reply in batch.items()}
        named |= {"404": "NotFound", "405": "NotAllowed"}
        rows = []
        for status, name in sorted(named.items()):
            codes = " ".join(f"`{code}`" for code in _codes(responses[name]))
            # The part on SDKs stands in its own column.
            told = re.sub(r"[.;] SDKs .*$", ".", responses[name]["description"])
            rows.append(f"| **{status}** {codes} | {told} | {DOES[status]} |")
        return "| reply | it means | an SDK |\n|---|---|---|\n" + "\n".join(rows)

    def paths(self) -> str:
        """All paths by tag."""
        parts = []
        for tag in self.document["tags"]:
            rows = [
                f"| `{method.upper()} {path}` | {item[method]['summary']} |"
                for path, item in self.document["paths"].items()
                for method in ("get", "post")
                if method in item and item[method]["tags"] == [tag["name"]]
            ]
            if rows:
                parts.append(f"**{tag['description']}**\n\n| path | |\n|---|---|\n" + "\n".join(rows))
        return "\n\n".join(parts)

    def hooks(self) -> str:
        """What is replied to a delivery, and what the document says of its signature."""
        operation = self.document["paths"]["/hooks/{tenant}/{system}/{hook_id}"]["post"]
        responses, rows = self.document["components"]["responses"], []
        for status, reply in operation["responses"].items():
            found = responses[reply["$ref"].rpartition("/")[2]] if "$ref" in reply else reply
            told = re.sub(r"[.;] SDKs .*$", ".", found["description"])
            codes = " ".join(f"`{code}`" for code in _codes(found))
            rows.append(f"| **{status}** {codes} | {told} |")
        return f"{operation['description']}\n\n| reply | it means |\n|---|---|\n" + "\n".join(rows)

    def metrics(self) -> str:
        """The metrics that a collector counts, as its own registry describes them."""
        from connectors.collector.http.metrics import Metrics

        made = Metrics()
        made.watch(HERE)
        rows = [
            f"| `{found.name}{'_total' if found.type == 'counter' else ''}` | {found.documentation} |"
            for found in made.registry.collect()
        ]
        return "| metric | it says |\n|---|---|\n" + "\n".join(rows)


def _codes(response: dict[str, Any]) -> list[str]:
    told = (
        response["content"]["application/json"]["schema"].get("allOf", [{}])[-1].get("properties", {}).get("code", {})
    )
    return told.get("enum", [told["const"]] if "const" in told else [])


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text(encoding="utf-8") != page() and f"{PAGE.name} is behind: run {Path(__file__).name}")
    PAGE.write_text(page(), encoding="utf-8")
