"""``beneficent situations``: check the library, list it, read one situation, count it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from beneficent.situations import WrittenSituation

situations_app = typer.Typer(
    help="The library of written situations: check, list, read, count.", no_args_is_help=True, rich_markup_mode=None
)

LibraryPath = Annotated[Path | None, typer.Option("--library", help="Folder or file; by default the one shipped.")]
Traits = Annotated[list[str] | None, typer.Option("--trait", help="Only this trait; may be given several times.")]
Domains = Annotated[list[str] | None, typer.Option("--domain", help="Only this domain; may be given several times.")]
HealthOnly = Annotated[bool, typer.Option("--health-only", help="Only the health domain.")]
NoHealthScience = Annotated[bool, typer.Option("--no-health-science", help="Without the domains health and science.")]
SplitName = Annotated[str | None, typer.Option("--split", help="'train' or 'test'.")]
SeveralTurns = Annotated[
    bool | None, typer.Option("--several-turns/--one-turn", help="Only with several turns, or only with one.")
]
Review = Annotated[str | None, typer.Option(help="Read by: 'none', 'model', 'human', or a role: 'human:nurse'.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


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
def list_situations(
    library: LibraryPath = None,
    trait: Traits = None,
    domain: Domains = None,
    health_only: HealthOnly = False,
    no_health_science: NoHealthScience = False,
    split: SplitName = None,
    several_turns: SeveralTurns = None,
    review: Review = None,
    as_json: AsJson = False,
) -> None:
    """List situations, one a row."""
    from beneficent.cli.situations_display import print_list

    chosen = _load(library, trait, domain, health_only, no_health_science, split, several_turns, review)
    print_list(chosen, as_json)


@situations_app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of a situation, as 'list' prints it.")],
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Print one situation in full: messages, rubric, calibration answers with their verdicts and scores."""
    from beneficent.cli.situations_display import print_situation
    from beneficent.situations.loading import find

    print_situation(find(id, _load(library)), as_json)


@situations_app.command()
def stats(
    library: LibraryPath = None,
    trait: Traits = None,
    domain: Domains = None,
    health_only: HealthOnly = False,
    no_health_science: NoHealthScience = False,
    split: SplitName = None,
    several_turns: SeveralTurns = None,
    review: Review = None,
    heatmap: Annotated[Path | None, typer.Option(help="Also draw the counts into this .html or .png file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Count situations by trait and domain, and show shares and lengths."""
    from beneficent.cli.situations_display import print_summary
    from beneficent.situations.summary import summarise

    chosen = _load(library, trait, domain, health_only, no_health_science, split, several_turns, review)
    if heatmap is not None:
        from beneficent.situations.heatmap import write_heatmap

        write_heatmap(chosen, heatmap)
    print_summary(summarise(chosen), as_json)


def _load(
    library: Path | None,
    trait: list[str] | None = None,
    domain: list[str] | None = None,
    health_only: bool = False,
    no_health_science: bool = False,
    split: str | None = None,
    several_turns: bool | None = None,
    review: str | None = None,
) -> "tuple[WrittenSituation, ...]":
    from beneficent.situations import Selection, load
    from beneficent.situations.loading import LIBRARY

    selection = Selection(
        traits=tuple(trait or ()),
        domains=tuple(domain or ()),
        health_only=health_only,
        no_health_science=no_health_science,
        split=split,
        several_turns=several_turns,
        review=review,
    )
    return load(selection, library or LIBRARY)
