"""`tenure doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import typer
from rich.markup import escape

from orchestration.cli.output import JSON_OPTION, out, print_json


def register(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command("doctor", rich_help_panel="Run")(doctor)


def doctor(as_json: bool = JSON_OPTION) -> None:
    """Look for what is wrong, and say how to mend it. Exit code 1 where something is."""
    from orchestration.services.doctor import examine

    findings = examine()
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            mark = {"ok": "[green]✓[/]", "note": "[cyan]i[/]", "wrong": "[red]✗[/]"}[finding.state]
            out.print(f"{mark} {finding.thing:<22} {escape(finding.says)}")
            if finding.mend:
                out.print(f"  {'next:':<22} {escape(finding.mend)}")
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)
