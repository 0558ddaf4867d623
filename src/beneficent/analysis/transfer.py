"""Which benchmarks are read together: formats, families and the health tags of the transfer questions.

Transfer inside the trained format needs no common cause (shared surface is enough), so every reading is also given for
the trained format and for other formats apart.
"""

from collections.abc import Callable, Sequence
from typing import Any

from beneficent.analysis.comparison import Row, summarise
from beneficent.analysis.settings import AnswerSettings
from beneficent.benchmarks.types import Card

SUBSETS: dict[str, Callable[[Card], bool]] = {
    "all": lambda card: True,
    "trained format": lambda card: card.trained_format,
    "other formats": lambda card: not card.trained_format,
    "health": lambda card: card.health,
    "non-health": lambda card: not card.health,
    "traffic": lambda card: card.traffic,
    "not traffic": lambda card: not card.traffic,
    "home-made": lambda card: card.home_made,
    "public": lambda card: not card.home_made,
    "falls when cautious": lambda card: card.falls_when_cautious,
}
"""Name -> which benchmarks belong to it."""

TRANSFERS: dict[str, tuple[str, str]] = {
    "health-only": ("health-only", "non-health"),
    "no-health-science": ("no-health-science", "health"),
}
"""Question id -> the arm and the subset it was not trained on."""


def by_subset(rows: Sequence[Row], settings: AnswerSettings) -> dict[str, dict[str, Any]]:
    """A summary of one contrast for every subset; empty subsets stay, with zero benchmarks."""
    return {name: summarise([row for row in rows if keep(row.card)], settings) for name, keep in SUBSETS.items()}


def by_family(rows: Sequence[Row], settings: AnswerSettings) -> dict[str, dict[str, Any]]:
    """A summary of one contrast for every family, in the order of the cards."""
    families = dict.fromkeys(row.card.family for row in rows)
    return {name: summarise([row for row in rows if row.card.family == name], settings) for name in families}


def transfer_lines(rows: Sequence[Row], settings: AnswerSettings) -> dict[str, dict[str, Any]]:
    """For each transfer question whose arm was trained: the untrained benchmarks, all and by format.

    ``rows`` are alignment rows against the baseline, all arms.
    """
    lines: dict[str, dict[str, Any]] = {}
    for question, (arm, subset) in TRANSFERS.items():
        mine = [row for row in rows if row.arm == arm and SUBSETS[subset](row.card)]
        if not mine:
            continue
        lines[question] = {
            "arm": arm,
            "subset": subset,
            "all": summarise(mine, settings),
            "trained format": summarise([row for row in mine if row.card.trained_format], settings),
            "other formats": summarise([row for row in mine if not row.card.trained_format], settings),
        }
    return lines
