"""The options with which every command on situations chooses some of them, written once."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from beneficent.situations import Selection

LibraryPath = Annotated[Path | None, typer.Option("--library", help="Folder or file; by default the one shipped.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Put the filters before a command's own options; it is given the selection and the library they name."""
    filters = inspect.signature(_read).parameters
    own = [*inspect.signature(command).parameters.values()][2:]
    options = [*filters.values(), *(option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in own)]

    @wraps(command)
    def run(**values: Any) -> None:
        command(*_read(**{name: values.pop(name) for name in filters}), **values)

    # Where Typer looks for the options.
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in options}
    return run


def _read(
    *,
    library: LibraryPath = None,
    trait: Annotated[
        list[str] | None, typer.Option("--trait", help="Only this trait; may be given several times.")
    ] = None,
    domain: Annotated[
        list[str] | None, typer.Option("--domain", help="Only this domain; may be given several times.")
    ] = None,
    health_only: Annotated[bool, typer.Option("--health-only", help="Only the health domain.")] = False,
    no_health_science: Annotated[
        bool, typer.Option("--no-health-science", help="Without the domains health and science.")
    ] = False,
    split: Annotated[str | None, typer.Option("--split", help="'train' or 'test'.")] = None,
    several_turns: Annotated[
        bool | None, typer.Option("--several-turns/--one-turn", help="Only with several turns, or only with one.")
    ] = None,
    review: Annotated[
        str | None, typer.Option(help="Read by: 'none', 'model', 'human', or a role: 'human:nurse'.")
    ] = None,
) -> "tuple[Selection, Path]":
    from beneficent.situations import Selection
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
    return selection, library or LIBRARY
