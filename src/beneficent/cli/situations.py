"""``beneficent situations``: check the library, list it, read one situation, count it, export it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from beneficent.cli.situations_export import export
from beneficent.cli.situations_filters import AsJson, LibraryPath, filtered
from beneficent.cli.situations_review import review
from beneficent.cli.situations_write import write

if TYPE_CHECKING:
    from beneficent.situations import Selection

situations_app = typer.Typer(
    help="The library of written situations: check, list, read, count, export.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

situations_app.command()(review)
situations_app.command()(write)
situations_app.command()(export)


@situations_app.command()
def audit(
    path: Annotated[Path | None, typer.Argument(help="Folder or file; by default the library shipped.")] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="Benchmark items (.jsonl file or folder) that must not be in it; may be given several times."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check form, rubrics, repetition, splits and balance. Exits with 1 if there is an error; warnings pass."""
    from beneficent.cli.situations_display import print_report
    from beneficent.grading.rubric import score_points
    from beneficent.situations.audit import audit as check
    from beneficent.situations.loading import LIBRARY

    report = check(path or LIBRARY, score_points, against or ())
    print_report(report, as_json)
    if not report.passes:
        raise typer.Exit(1)


@situations_app.command("list")
@filtered
def list_situations(selection: "Selection", library: Path, as_json: AsJson = False) -> None:
    """List situations, one a row."""
    from beneficent.cli.situations_display import print_list
    from beneficent.situations import load

    print_list(load(selection, library), as_json)


@situations_app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of a situation, as 'list' prints it.")],
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Print one situation in full: messages, rubric, calibration answers with their verdicts and scores."""
    from beneficent.cli.situations_display import print_situation
    from beneficent.situations.loading import LIBRARY, find, load

    print_situation(find(id, load(library=library or LIBRARY)), as_json)


@situations_app.command()
@filtered
def stats(
    selection: "Selection",
    library: Path,
    heatmap: Annotated[Path | None, typer.Option(help="Also draw the counts into this .html or .png file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Count situations by trait and domain, and show shares and lengths."""
    from beneficent.cli.situations_display import print_summary
    from beneficent.situations import load
    from beneficent.situations.summary import summarise

    chosen = load(selection, library)
    if heatmap is not None:
        from beneficent.situations.heatmap import write_heatmap

        write_heatmap(chosen, heatmap)
    print_summary(summarise(chosen), as_json)
