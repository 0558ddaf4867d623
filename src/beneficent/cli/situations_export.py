"""``beneficent situations export``: the library in the forms that other stacks read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from beneficent.cli.situations_filters import AsJson, filtered

if TYPE_CHECKING:
    from beneficent.situations import Selection


@filtered
def export(
    selection: "Selection",
    library: Path,
    to: Annotated[
        str, typer.Option("--to", help="'jsonl', 'parquet', 'trl', 'verl', 'verifiers', 'openai-graders' or 'hf'.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; empty or not there yet.")],
    judge: Annotated[
        str | None, typer.Option("--judge", help="Model that judges; only openai-graders writes it down.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write situations in the form of another stack: data, and how they are graded there."""
    from beneficent.analysis.planning import smallest_difference
    from beneficent.cli.situations_display import print_exported
    from beneficent.situations.export import export_library

    print_exported(export_library(library, selection, to, out, smallest_difference, judge), as_json)
