"""Advantages of one group of completions: score minus the mean of the group's scored completions.

Shao et al., "DeepSeekMath", 2024 (GRPO), without the division by the standard deviation unless asked for (Liu et al.,
"Understanding R1-Zero-Like Training", 2025, Dr. GRPO). A completion without a score (unscored, cut, errored) is out: it
enters neither the mean nor the loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isfinite, sqrt
from typing import Literal

Dead = Literal["too few scored", "all equal"]


@dataclass(frozen=True, slots=True)
class GroupAdvantages:
    """One advantage per completion, None for an excluded one; ``dead`` says why the group teaches nothing.

    ``GroupAdvantages((0.5, None, -0.5), None)``; in a dead group no advantage is anything but 0 or None.
    """

    values: tuple[float | None, ...]
    dead: Dead | None


def group_advantages(
    scores: Sequence[float | None], standardise: bool = False, equal_within: float = 1e-6
) -> GroupAdvantages:
    """Advantages from the scores of one group; None is a completion without a score.

    Fewer than two scored completions, or scores that all lie within ``equal_within``, make a dead group. With
    ``standardise`` advantages are divided by the population standard deviation of the scored completions.

    Raises:
        ValueError: a score is not finite; a failed grade must be None.
    """
    scored = [score for score in scores if score is not None]
    if not all(map(isfinite, scored)):
        raise ValueError(f"scores must be finite, or None where there is none: {list(scores)}")
    if len(scored) < 2:
        return GroupAdvantages(_dead_values(scores), "too few scored")
    if max(scored) - min(scored) <= equal_within:
        return GroupAdvantages(_dead_values(scores), "all equal")
    # fsum is exact, so neither the order nor the number of excluded completions can change the last bit.
    mean = fsum(scored) / len(scored)
    scale = sqrt(fsum((score - mean) ** 2 for score in scored) / len(scored)) if standardise else 1.0
    return GroupAdvantages(tuple(None if score is None else (score - mean) / scale for score in scores), None)


def _dead_values(scores: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(None if score is None else 0.0 for score in scores)
