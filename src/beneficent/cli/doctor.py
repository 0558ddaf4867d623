"""``beneficent doctor``: what works on this machine, and the line that mends what does not."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from beneficent.core.installation import Check

_STYLES = {"ok": "green", "missing": "yellow", "broken": "red"}


def doctor(
    out: Annotated[Path, typer.Option(help="The folder that runs are to be written in.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show what works here: Python, torch, device, extras, folders. Exits with 1 only if the core is broken."""
    from beneficent.core.installation import examine

    checks = examine(out)
    works = all(check.state != "broken" for check in checks)
    if as_json:
        typer.echo(json.dumps({"works": works, "checks": [asdict(check) for check in checks]}))
    else:
        _print(checks, works)
    if not works:
        raise typer.Exit(1)


def _print(checks: Sequence["Check"], works: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from beneficent.cli.display import answer_console

    console = answer_console()
    table = Table("what", "state", "detail")
    for check in checks:
        table.add_row(check.name, Text(check.state, style=_STYLES[check.state]), Text(check.detail))
    console.print(table)
    for check in checks:
        if check.remedy:
            # Wrapping would break the line where a reader copies it.
            console.print(Text(f"{check.name}: {check.remedy}"), soft_wrap=True)
    console.print("The core works." if works else "The core is broken; see the lines above.")
