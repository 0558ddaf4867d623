"""How small a difference a set of situations can show, before anything is measured on it."""

from dataclasses import dataclass
from math import sqrt

from beneficent.analysis.statistics import detectable


@dataclass(frozen=True, slots=True)
class Spread:
    """How scores in 0..1 are taken to vary, as standard deviations. Both are assumptions, not measured."""

    within: float = 0.3
    """Of the score when one policy answers one situation again."""
    between: float = 0.2
    """From situation to situation, of the true difference between the two policies."""


def smallest_difference(num_situations: int, num_samples: int = 4, spread: Spread | None = None) -> float | None:
    """Smallest true difference of two policies' mean scores that is found with 80% power, in 0..1.

    Each policy answers each situation ``num_samples`` times, the means are compared by situation in a two-sided 5%
    t test, and situations count as independent. With 36 situations and the spreads above the standard error is
    ``sqrt((2 * 0.3**2 / 4 + 0.2**2) / 36) = 0.0486``. None for fewer than two situations.
    """
    spread = spread or Spread()
    if num_situations < 2:
        return None
    error = sqrt((2 * spread.within**2 / num_samples + spread.between**2) / num_situations)
    return detectable(error, num_situations - 1)
