"""The `tenure` command. A module a command, named after it; heavy imports stay inside the functions."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn

import typer

from orchestration.cli.answers_out import sql, user
from orchestration.cli.data_in import collector, hook, land, quarantine, sandbox, shard, source, tenant
from orchestration.cli.output import TenureGroup
from orchestration.cli.running import demo, doctor, maintain, run, status, up

HELP = """
Tenure, the open customer-success lakehouse.

Product events, CRM rows and billing records go in; figures on engagement and revenue come out.

[bold]A first hour[/]
  tenure demo                                   the whole path on a sandbox world and a git history
  tenure sql "SELECT * FROM marts.trust"        what is published, and how fresh it is
  tenure status                                 what runs, and where
  tenure down                                   stop it

[bold]Your own data[/]
  tenure tenant add acme
  tenure land --tenant acme --object events events.jsonl
  tenure run                                    everything new: silver, gold, audit, publish

[bold]Your own events[/]
  tenure source add --tenant acme --name web    a write key for an SDK of Segment or RudderStack
  tenure hook add --tenant acme --system stripe a path for a vendor's webhooks
  tenure collector serve                        take their events; `tenure run` lands them

State lives under TENURE_HOME (default: .tenure in this folder). Nothing is written outside it.
"""

app = typer.Typer(
    cls=TenureGroup,
    help=HELP,
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# In the order of the help.
for module in (
    *(demo, run, maintain, up, status, doctor),
    *(land, quarantine, source, hook, collector, tenant, shard, sandbox),
    *(sql, user),
):
    module.register(app)


def main() -> NoReturn:
    """Entry point of `tenure`: run the command, leave with its exit code.

    Leaves without tearing the interpreter down: threads of Arrow and Delta that are still idling then abort the process
    now and then (SIGABRT), and a command that did its work would report a crash.
    """
    code = 0
    try:
        app()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
