"""``beneficent situations review``: the local page for reading, scoring, editing, accepting and rejecting."""

from pathlib import Path
from typing import Annotated

import typer


def review(
    path: Annotated[Path | None, typer.Argument(help="Folder or file; by default the library shipped.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 for any that is free.")] = 8765,
    host: Annotated[str, typer.Option(help="Address to serve on; one that others can reach needs --token.")] = (
        "127.0.0.1"
    ),
    token: Annotated[str | None, typer.Option(help="What opens the page, 16 signs or more.")] = None,
    log: Annotated[
        Path | None, typer.Option(help="The review log (.jsonl); by default <library>.review.jsonl beside the library.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page, only print where it is.")] = (
        False
    ),
) -> None:
    """Review situations on a local page in the browser; decisions go into the YAML files and a log."""
    from beneficent.grading.rubric import score_points
    from beneficent.situations.loading import LIBRARY
    from beneficent.situations.review.server import Address, serve

    serve(path or LIBRARY, log, score_points, Address(host, port, token), not no_browser, typer.echo)
