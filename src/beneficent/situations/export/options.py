"""What a target may need beside the situations."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """``Options(judge="gpt-4.1-2025-04-14")``."""

    judge: str | None = None
    """The model that judges, for a target that writes it into its files."""
    card: str = ""
    """The library's own data card, as Markdown without its front matter."""
    smallest_difference: Callable[[int], float | None] | None = None
    """The smallest difference between two policies, in 0..1, that a number of held-out situations can show, or None for
    too few: ``analysis.planning.smallest_difference``, which this room cannot import."""
