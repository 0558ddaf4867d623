"""What an analysis needs to be told: fixed before training by the recipe."""

from dataclasses import dataclass
from typing import Literal

from beneficent.core.errors import RecipeError


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """Settings of ``analysis.answer``; a recipe's ``[analysis]`` table."""

    baseline: str = "baseline"
    """The arm every other arm is compared with."""
    num_resamples: int = 10_000
    """Bootstrap resamples; the smallest p-value they can show at 64 items is about 5 / num_resamples."""
    seed: int = 0
    """Seed of the resampling."""
    margin: float = 0.05
    """Differences inside plus or minus this count as none in the equivalence tests."""
    false_discovery_rate: float = 0.05
    """A benchmark counts as significant where its q is below this."""
    family: Literal["arm", "study"] = "arm"
    """What Benjamini-Hochberg corrects over: the benchmarks of one role, for each arm apart or for all arms."""
    control_arms: tuple[str, ...] = ("helpfulness", "style")
    """Arms that are controls: same situations as the trait arm, another reward."""
    bite_spread: float = 0.5
    """A control's reward bites only if its spread within groups is at least this share of the trait reward's."""
    bite_correlation: float = 0.3
    """... and its correlation with the trait reward within groups is at most this, in absolute value."""
    learning_ratio: float = 0.5
    """Below this share of the trait arm's movement the baseline is "matched in compute, not in learning"."""
    preregistered: tuple[str, ...] = ()
    """Ids of the questions frozen by ``study preregister``; all others are labelled exploratory."""

    def __post_init__(self) -> None:
        allowed: list[tuple[str, object, bool, str]] = [
            ("num_resamples", self.num_resamples, self.num_resamples >= 1000, "1000 or more"),
            ("seed", self.seed, self.seed >= 0, "0 or more"),
            ("margin", self.margin, 0 < self.margin < 1, "between 0 and 1"),
            ("false_discovery_rate", self.false_discovery_rate, 0 < self.false_discovery_rate < 1, "between 0 and 1"),
            ("family", self.family, self.family in ("arm", "study"), "'arm' or 'study'"),
            ("bite_spread", self.bite_spread, self.bite_spread > 0, "above 0"),
            ("bite_correlation", self.bite_correlation, 0 < self.bite_correlation <= 1, "above 0, at most 1"),
            ("learning_ratio", self.learning_ratio, 0 < self.learning_ratio <= 1, "above 0, at most 1"),
        ]
        for key, value, fine, rule in allowed:
            if not fine:
                raise RecipeError(f"analysis.{key} is {value!r}; allowed is {rule}")
