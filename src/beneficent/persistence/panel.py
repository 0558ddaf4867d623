"""The attack panel: which benchmarks are scored under attack. It is chosen by cards and a seed, never by scores."""

from collections.abc import Sequence
from random import Random

from beneficent.benchmarks.types import Benchmark
from beneficent.core.errors import DataError

PANEL_SEED = 0
MOST_TRAINED_FORMAT = 3
"""Benchmarks of the panel in the trained format at most: harm there may be surface, as transfer there is."""


def choose_attack_panel(benchmarks: Sequence[Benchmark], size: int, seed: int = PANEL_SEED) -> tuple[Benchmark, ...]:
    """``size`` alignment benchmarks, half of health and half not, families and formats as mixed as they can be.

    On each side families take turns, in an order drawn from the seed, and within a family the formats that the panel
    has least come first.

    Raises:
        DataError: there are not enough of either side.
    """
    rng = Random(seed)
    alignment = sorted((one for one in benchmarks if one.card.role == "alignment"), key=lambda one: one.card.name)
    queues = []
    for health in (True, False):
        own = [one for one in alignment if one.card.health is health]
        rng.shuffle(own)
        queues.append(own)
    chosen: list[Benchmark] = []
    for turn in range(size):
        own, side = queues[turn % 2], ("health", "other")[turn % 2]
        taken = [one.card for one in chosen]
        full = sum(card.trained_format for card in taken) >= MOST_TRAINED_FORMAT
        open_to = [one for one in own if not (full and one.card.trained_format)]
        if not open_to:
            raise DataError(
                f"the attack panel needs {-(-size // 2) if side == 'health' else size // 2} alignment benchmarks of "
                f"{side}, at most {MOST_TRAINED_FORMAT} of the panel in the trained format; there are too few"
            )
        families, formats = [card.family for card in taken], [card.format for card in taken]
        best = min(open_to, key=lambda one: (families.count(one.card.family), formats.count(one.card.format)))
        own.remove(best)
        chosen.append(best)
    return tuple(chosen)
