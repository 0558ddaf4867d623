"""One batch: what was sampled, how it was graded, and the rows that tell of it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import fsum
from typing import Any

from beneficent.core.errors import DataError
from beneficent.grading.types import Grade
from beneficent.policy.loading import Policy
from beneficent.policy.types import Completion, Ending
from beneficent.training.advantage import GroupAdvantages, group_advantages
from beneficent.training.mixture import Exercise, Kind
from beneficent.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Group:
    """One prompt with its completions, their grades and advantages, in the order they were sampled."""

    position: int
    exercise: Exercise
    prompt: tuple[int, ...]
    completions: tuple[Completion, ...]
    grades: tuple[Grade, ...]
    advantages: GroupAdvantages

    @property
    def kind(self) -> Kind:
        """What its exercise is: a task is standard whatever slot it fills, a situation is trait."""
        return "standard" if self.exercise.kind == "task" else "trait"

    @property
    def live(self) -> bool:
        return self.advantages.dead is None


def grade_group(
    position: int,
    exercise: Exercise,
    prompt: Sequence[int],
    completions: Sequence[Completion],
    settings: TrainingSettings,
) -> Group:
    """Grade the completions of one prompt, with one call of its reward, and take their advantages.

    Cut and errored completions are not shown to the reward; their grade is unscored, the ending its reason.

    Raises:
        DataError: the reward gives another number of grades than it got answers.
    """
    whole = [completion for completion in completions if completion.ending is Ending.COMPLETED]
    found = exercise.reward([completion.answer for completion in whole]) if whole else []
    if len(found) != len(whole):
        raise DataError(f"the reward of {exercise.id!r} gave {len(found)} grades for {len(whole)} answers")
    rest = iter(found)
    grades = tuple(
        next(rest) if completion.ending is Ending.COMPLETED else Grade(None, unscored=completion.ending.value)
        for completion in completions
    )
    advantages = group_advantages([grade.score for grade in grades], settings.standardise, settings.equal_within)
    return Group(position, exercise, tuple(prompt), tuple(completions), grades, advantages)


class Lengths:
    """Tells the thought's tokens from the answer's; the mark between them and the end of turn belong to neither."""

    def __init__(self, policy: Policy) -> None:
        thinking = policy.renderer.thinking
        self._close = policy.tokenizer.encode(thinking.close, add_special_tokens=False) if thinking else None
        self._end_ids = policy.end_ids

    def of(self, completion: Completion) -> tuple[int, int]:
        """(thought, answer) in tokens."""
        ids = list(completion.token_ids)
        if ids and ids[-1] in self._end_ids:
            ids.pop()
        if self._close is None:
            return 0, len(ids)
        width = len(self._close)
        for start in range(len(ids) - width + 1):
            if ids[start : start + width] == self._close:
                return start, len(ids) - start - width
        return len(ids), 0


def summarise(groups: Sequence[Group], lengths: Lengths) -> dict[str, Any]:
    """The columns of a step's row that tell of its rollouts: rewards are means over scored completions, tokens means
    over whole ones, shares are of all completions (truncated) and of all whole ones (unscored)."""
    row: dict[str, Any] = {}
    for kind in ("standard", "trait"):
        own = [group for group in groups if group.kind == kind]
        row[f"reward_{kind}"] = _mean([grade.score for group in own for grade in group.grades])
        row[f"live_{kind}"] = sum(group.live for group in own)
        row[f"groups_{kind}"] = len(own)
    row["dead"] = sum(not group.live for group in groups)
    pairs = [pair for group in groups for pair in zip(group.completions, group.grades, strict=True)]
    whole = [(completion, grade) for completion, grade in pairs if completion.ending is Ending.COMPLETED]
    row["truncated_share"] = sum(c.ending is Ending.TRUNCATED for c, _ in pairs) / len(pairs)
    row["unscored_share"] = sum(g.score is None for _, g in whole) / len(whole) if whole else None
    sizes = [lengths.of(completion) for completion, _ in whole]
    row["thought_tokens"] = _mean([thought for thought, _ in sizes])
    row["answer_tokens"] = _mean([answer for _, answer in sizes])
    return row


def rollout_rows(step: int, groups: Sequence[Group]) -> list[dict[str, Any]]:
    """One row per completion of a step; ``advantage`` is None for one that is excluded."""
    rows: list[dict[str, Any]] = []
    for group in groups:
        parts = zip(group.completions, group.grades, group.advantages.values, strict=True)
        for sample, (completion, grade, advantage) in enumerate(parts):
            rows.append(
                {
                    "step": step,
                    "position": group.position,
                    "sample": sample,
                    "kind": group.exercise.kind,
                    "exercise": group.exercise.id,
                    "trait": group.exercise.trait,
                    "domain": group.exercise.domain,
                    "thought": completion.thought,
                    "answer": completion.answer,
                    "ending": completion.ending.value,
                    "score": grade.score,
                    "unscored": grade.unscored,
                    "verdicts": json.dumps([asdict(verdict) for verdict in grade.verdicts]),
                    "advantage": advantage,
                    "num_tokens": len(completion.token_ids),
                }
            )
    return rows


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else None
