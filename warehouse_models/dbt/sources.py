"""dbt's `sources` out of the silver specs: `python -m warehouse_models.dbt.sources` writes them.

Spec `silver/product/sessions` = dbt source `silver_product.sessions` = Dagster asset key silver/product/sessions.
"""

from __future__ import annotations

import json
from pathlib import Path

from warehouse_models.dbt.marts import PROJECT
from warehouse_models.spec import TableSpec
from warehouse_models.specs import all_specs

PATH = PROJECT / "models" / "sources" / "silver.yml"


def render() -> str:
    """The YAML text: one source a domain, one table a silver spec, every column with its description."""
    domains: dict[str, list[TableSpec]] = {}
    for spec in all_specs().values():
        if spec.layer == "silver":
            domains.setdefault(str(spec.domain), []).append(spec)
    lines = [
        "# Written by `python -m warehouse_models.dbt.sources` from the silver specs; a test fails when it differs.",
        "version: 2",
        "",
        "sources:",
    ]
    for domain in sorted(domains):
        lines += [
            f"  - name: silver_{domain}",
            "    description: Views over silver Delta, pinned to the versions of this run (orchestration/gold/).",
            "    tables:",
        ]
        for spec in sorted(domains[domain], key=lambda spec: spec.name):
            lines += [
                f"      - name: {spec.name}",
                f"        description: {_text(f'{spec.grain} {spec.description}')}",
                f"        config: {{meta: {{dagster: {{asset_key: [silver, {domain}, {spec.name}]}}, "
                f"owner: {spec.owner}, key: [{', '.join(spec.key)}]}}}}",
                "        columns:",
            ]
            lines += [
                f"          - {{name: {column.name}, data_type: {column.duckdb_type}, "
                f"description: {_text(column.description)}}}"
                for column in spec.columns
            ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A YAML double-quoted string is a JSON string."""
    return json.dumps(value, ensure_ascii=False)


def main(path: Path = PATH) -> None:
    """Write the file."""
    path.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
