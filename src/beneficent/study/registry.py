"""Names a recipe may use for things outside the study, and the one place that loads them.

This table is all that the rest of the package knows of the lab: a name and where to find it.
"""

import importlib
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, cast

from beneficent.core.errors import RecipeError
from beneficent.study.source import Source

SOURCES = MappingProxyType({"lab": "beneficent.lab.source:load"})
"""Short names of sources; any ``package.module:callable`` works as well."""

COMMANDS = MappingProxyType({"lab pretrain": "beneficent.lab.making:pretrain_command"})
"""Commands that live outside ``cli`` because the command line must not import their room."""


def load_source(name: str) -> Source:
    """The source a recipe names: ``short:argument`` or ``package.module:callable?argument``.

    ``lab:default`` calls the lab's loader with ``"default"``; without an argument the loader is called with none.

    Raises:
        RecipeError: the name has no such form, or nothing is found there.
    """
    target, argument = _parse(name)
    load = cast(Callable[..., Source], load_object(target, f"source = {name!r}"))
    return load(argument) if argument else load()


def load_object(target: str, where: str) -> Any:
    """The object at ``package.module:name``; ``where`` begins the message of the ``RecipeError``."""
    module_name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there; something that it imports is not
        raise RecipeError(f"{where}: there is no module {module_name!r}; {_allowed()}") from error
    if not hasattr(module, attribute):
        raise RecipeError(f"{where}: module {module_name!r} has no {attribute!r}; {_allowed()}")
    return getattr(module, attribute)


def _parse(name: str) -> tuple[str, str]:
    head, _, rest = name.partition(":")
    if head in SOURCES:
        return SOURCES[head], rest
    attribute, _, argument = rest.partition("?")
    if not all(part.isidentifier() for part in [*head.split("."), attribute]):
        raise RecipeError(f"source = {name!r}: {_allowed()}")
    return f"{head}:{attribute}", argument


def _allowed() -> str:
    names = ", ".join(f'"{name}:..."' for name in SOURCES)
    return f'allowed are {names} and "package.module:callable" with an optional "?argument"'
