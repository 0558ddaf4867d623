"""``beneficent report``: the page and the figures of a finished run, again."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.")],
    publish: Annotated[
        bool, typer.Option("--publish", help="Name items of benchmarks that may not be passed on by their ids alone.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; by default the run folder.")] = None,
) -> None:
    """Render report.html of a finished run again, and every figure as SVG, PNG and CSV into figures/ beside it."""
    from beneficent.study.reporting import report_again

    written = report_again(run_dir, out, publish)
    for note in written.notes:
        typer.echo(f"Note: {note}")
    typer.echo(f"Report: {written.report}")
    typer.echo(f"Figures: {len(written.figures)} files in {written.report.parent / 'figures'}")
