"""The control ``sft-trait``: the starting policy, supervised until it has the trait score that RL reached.

It learns from its own best answers: completions of the starting policy on training situations, the best of each group
by the trait rubric (rejection sampling; Yuan et al. 2023). If it stands the attacks as the trait arm does, RL was not
needed; if it falls, the trait score alone does not make behaviour persist.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from beneficent.core.errors import DataError
from beneficent.core.ledger import Ledger
from beneficent.grading.types import Grader
from beneficent.policy.loading import Policy
from beneficent.policy.sampler import Sampling, sample
from beneficent.policy.types import Ending
from beneficent.situations.types import Situation
from beneficent.training.examples import Example, SupervisedSettings
from beneficent.training.supervised import FineTuning

SITUATIONS = 240
"""Training situations answered, evenly over all."""
SAMPLES = 8
"""Answers of each, of which the best is learnt from."""
LOOK_EVERY = 5
"""Updates between two looks at the trait score."""
MOST_STEPS = 200
"""Updates after which it is left where it is."""


@dataclass(frozen=True, slots=True)
class Imitation:
    """What it came to: updates made, the trait score reached and the one wanted."""

    steps: int
    reached: float
    wanted: float
    examples: int


def best_answers(
    policy: Policy, situations: Sequence[Situation], grader: Grader, max_new_tokens: int, seed: int, ledger: Ledger
) -> list[Example]:
    """The policy's best answer to each situation, where one is better than the group's mean.

    Raises:
        DataError: there is none at all.
    """
    prompts = [policy.renderer.render(situation.messages) for situation in situations]
    groups = sample(policy, prompts, SAMPLES, Sampling(max_new_tokens), seed, ledger=ledger)
    found = []
    for situation, group in zip(situations, groups, strict=True):
        whole = [one for one in group if one.ending is Ending.COMPLETED and one.answer]
        grades = grader.grade([situation] * len(whole), [one.answer for one in whole])
        scored = [(g.score, one) for g, one in zip(grades, whole, strict=True) if g.score is not None]
        if not scored:
            continue
        top, best = max(scored, key=lambda pair: pair[0])
        if top > sum(score for score, _ in scored) / len(scored):
            found.append(Example(situation.id, situation.messages, best.answer, best.thought))
    if not found:
        raise DataError("no answer of the starting policy is better than another of its group; nothing to learn from")
    return found


def imitate(
    policy: Policy,
    examples: Sequence[Example],
    wanted: float,
    look: Callable[[Policy], float],
    settings: SupervisedSettings,
    seed: int,
    ledger: Ledger,
) -> Imitation:
    """Fine-tune ``policy`` in place until ``look`` gives the score ``wanted``, or ``MOST_STEPS`` are made."""
    tuning = FineTuning(policy, examples, settings, seed, ledger)
    reached = look(policy)
    while reached < wanted and tuning.steps < MOST_STEPS:
        tuning.go_on(LOOK_EVERY)
        reached = look(policy)
    return Imitation(tuning.steps, reached, wanted, len(examples))
