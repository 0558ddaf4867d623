"""The fine-tuning attack: one list of examples, a ladder of doses, every policy in the same order.

The policy is changed in place and belongs to whoever calls; nothing is saved here (an attacked checkpoint is deleted
unless it is kept on purpose).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from beneficent.core.errors import RecipeError
from beneficent.core.ledger import Ledger
from beneficent.training.examples import Example, SupervisedSettings

if TYPE_CHECKING:
    from beneficent.policy.loading import Policy

DOSES = (5, 10, 20, 40, 80)
"""Updates after which a policy is scored; dose 0 is the policy before the attack."""
REALIGNMENT_DOSES = (5, 10, 20)
"""Updates on beneficial examples after the largest dose."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A dose that has been reached, and the mean loss in nats a token over the updates since the dose before."""

    dose: int
    loss: float


def climb(
    policy: "Policy",
    examples: Sequence[Example],
    doses: Sequence[int],
    settings: SupervisedSettings,
    seed: int,
    ledger: Ledger,
) -> Iterator[Rung]:
    """Fine-tune up to each dose in turn; while a rung is held, ``policy`` is the policy at that dose.

    Raises:
        RecipeError: the doses do not rise from 1.
    """
    from beneficent.training.supervised import FineTuning  # torch, which a plan does without

    check_doses("doses", doses)
    tuning = FineTuning(policy, examples, settings, seed, ledger)
    for dose in doses:
        losses = tuning.go_on(dose - tuning.steps)
        yield Rung(dose, sum(losses) / len(losses))


def check_doses(key: str, doses: Sequence[int]) -> None:
    """Raises ``RecipeError`` unless the doses rise, from 1 on."""
    if not doses or doses[0] < 1 or any(later <= earlier for earlier, later in pairwise(doses)):
        raise RecipeError(f"{key} is {list(doses)}; allowed are whole numbers that rise, the first at least 1")
