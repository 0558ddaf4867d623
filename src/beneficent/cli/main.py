"""The command ``beneficent``. Commands import what they need when they run, so that ``--help`` answers at once."""

import sys

import typer

from beneficent.cli.attack import attack_app
from beneficent.cli.doctor import doctor
from beneficent.cli.lab import lab_app
from beneficent.cli.report import report
from beneficent.cli.situations import situations_app
from beneficent.cli.structure import structure
from beneficent.cli.study import study_app
from beneficent.core.errors import BeneficentError

app = typer.Typer(
    name="beneficent",
    help="Train a language model on situations that call for beneficial behaviour, and measure how far it spreads.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # formatting the help costs a third of its time
)
app.add_typer(study_app, name="study")
app.add_typer(lab_app, name="lab")
app.add_typer(situations_app, name="situations")
app.add_typer(attack_app, name="attack")
app.command("doctor")(doctor)
app.command("report")(report)
app.command("structure")(structure)


@app.callback(invoke_without_command=True)
def beneficent(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if version:
        from beneficent import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line: exit status 0 done, 1 a defect, 2 something the user can mend, 130 interrupted."""
    try:
        app()
    except BeneficentError as error:
        typer.secho(f"error: {error}", fg=typer.colors.RED, err=True)
        sys.exit(2)
