"""The arms of a study: what fills the 5% of trait slots, and which grader rewards it. The other 95% is the same in all.

Departures from the paper (DESIGN section 1): ``style`` is ours, a control that rewards a trait-neutral feature.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from beneficent.core.errors import DataError
from beneficent.situations.types import Situation

PRE_RL = "pre-RL"
"""The name under which the starting checkpoint is scored; it is no arm, as nothing is trained."""

TRAIT = "trait"
SFT_TRAIT, PROMPTED = "sft-trait", "prompted"
ATTACK_CONTROLS = (SFT_TRAIT, PROMPTED)
"""Policies that are made only to be attacked beside the arms: the starting checkpoint supervised to the trait arm's
held-out trait score, and the starting checkpoint under a beneficial system line."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One training condition: ``Arm("health-only", "...", grader="trait", only_domains=("health",))``."""

    name: str
    summary: str
    """What fills the trait slots, in words."""
    grader: str | None
    """Which of the source's graders rewards the trait slots; None fills them with standard tasks."""
    only_domains: tuple[str, ...] = ()
    """If not empty, situations of these domains only."""
    without_domains: tuple[str, ...] = ()
    """Situations of these domains are left out."""

    def situations(self, all_situations: Sequence[Situation]) -> list[Situation] | None:
        """The situations that fill this arm's trait slots, in the order given; None for standard tasks.

        Raises:
            DataError: a domain this arm names is not there, or nothing is left.
        """
        if self.grader is None:
            return None
        domains = {situation.domain for situation in all_situations}
        missing = sorted({*self.only_domains, *self.without_domains} - domains)
        if missing:
            raise DataError(
                f"arm {self.name!r} needs situations of domain {', '.join(map(repr, missing))}; "
                f"the source has {', '.join(sorted(domains)) or 'none'}"
            )
        kept = [s for s in all_situations if self._takes(s.domain)]
        if not kept:
            raise DataError(
                f"arm {self.name!r} has no situations left; the source has only {', '.join(sorted(domains))}"
            )
        return kept

    def _takes(self, domain: str) -> bool:
        return domain not in self.without_domains and (not self.only_domains or domain in self.only_domains)


ARMS = MappingProxyType(
    {
        arm.name: arm
        for arm in (
            Arm("baseline", "standard tasks, like the rest: the compute-matched control", None),
            Arm("trait", "trait situations of all domains, rewarded by their rubrics", "trait"),
            Arm("health-only", "trait situations of the health domain only", "trait", only_domains=("health",)),
            Arm(
                "no-health-science",
                "trait situations without health and science",
                "trait",
                without_domains=("health", "science"),
            ),
            Arm("helpfulness", "the situations of trait, rewarded for generic helpfulness", "helpfulness"),
            Arm("style", "the situations of trait, rewarded for a trait-neutral feature of style", "style"),
        )
    }
)
"""Every arm a recipe may name."""
