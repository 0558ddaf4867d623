"""Rubric rewards for other RL stacks: the public face over grading, for rows of ``beneficent situations export``.

TRL: ``GRPOTrainer(..., reward_funcs=rubric_reward_with("openai/gpt-4o"))``, or ``rubric_reward`` with the judge in the
environment variable ``BENEFICENT_JUDGE``. verl: ``reward.custom_reward_function.path=pkg://beneficent.rewards``. For
anything else ``grade`` and ``score_of``.

The judge is always named by the user: ``<provider>/<model>`` for a model behind an API (``grading.judge``),
``<module>:<attribute>`` for a grader of one's own, or the grader itself. It is shown the answer without the thought.
What it cannot grade is unscored and never passed on as a low reward; each function says what its stack makes of that.
"""

import importlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from beneficent.core.errors import BeneficentError, DataError
from beneficent.grading.types import Grade, Grader
from beneficent.situations.rows import DATA_SOURCE, GradedRow

VARIABLE = "BENEFICENT_JUDGE"
"""The environment variable that names the judge where no argument does."""

Judging = str | Grader | None
"""A judge by its name, a grader, or None for the judge that ``BENEFICENT_JUDGE`` names."""

_ALLOWED = "allowed is <provider>/<model>, or <module>:<attribute> for a grader of your own"
_LOG = logging.getLogger(__name__)
_NOT_ASKED = Grade(None, unscored="")
_OPEN, _CLOSE = "<think>", "</think>"
_COLUMNS = ("id", "trait", "domain", "split", "tags", "rubric")


class UnscoredError(BeneficentError):
    """A response could not be graded, and the caller has no other way to be told."""


def grade(row: Mapping[str, Any], response: str, judge: Judging = None) -> Grade:
    """The grade of one response to a situation; see ``grade_all``."""
    return grade_all([row], [response], judge)[0]


def grade_all(rows: Sequence[Mapping[str, Any]], responses: Sequence[str], judge: Judging = None) -> list[Grade]:
    """One grade for each pair of a row and a response, in order; the judge is asked about all of them at once.

    Args:
        rows: exported situations, with ``messages``. Keys that grading does not read are let pass.
        responses: the policy's whole responses; of a thought in ``<think>`` marks nothing is shown to the judge, and a
            response that ends within one is unscored.

    Raises:
        DataError: a row lacks a key or holds a value of another kind.
        BeneficentError: no judge is named, or it cannot be had.
    """
    grader = _grader(judge)
    situations = [GradedRow.read(row).situation() for row in rows]
    answers = [_answer(response) for response in responses]
    places = [place for place, answer in enumerate(answers) if answer is not None]
    graded = grader.grade([situations[place] for place in places], [answers[place] or "" for place in places])
    by_place = dict(zip(places, graded, strict=True))
    cut = Grade(None, unscored="the response ends within its thought")
    return [by_place.get(place, cut) for place in range(len(answers))]


def score_of(grade: Grade) -> float:
    """The score in 0..1.

    Raises:
        UnscoredError: there is none; the message says why.
    """
    if grade.score is None:
        raise UnscoredError(f"unscored: {grade.unscored}")
    return grade.score


def rubric_reward_with(judge: Judging = None) -> Callable[..., list[float | None]]:
    """A reward function for TRL's trainers with a judge of its own; see ``rubric_reward``.

    Raises:
        BeneficentError: no judge is named, or it cannot be had.
    """
    grader = _grader(judge)

    def rubric_reward(
        prompts: Sequence[Sequence[Mapping[str, Any]]],
        completions: Sequence[Any],
        log_extra: Callable[[str, list[str]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Sequence[Any],
    ) -> list[float | None]:
        asked = {place: row for place, row in enumerate(_rows(prompts, columns)) if row is not None}
        grades = grade_all(list(asked.values()), [_response(completions[place]) for place in asked], grader)
        reasons = [found.unscored for found in grades if found.unscored is not None]
        if reasons and len(reasons) == len(grades):
            _LOG.warning("none of %d completions could be graded by %s: %s", len(grades), grader.name, reasons[0])
        by_place = dict(zip(asked, grades, strict=True))
        all_grades = [by_place.get(place, _NOT_ASKED) for place in range(len(prompts))]
        if log_extra is not None:
            log_extra("rubric/unscored", [found.unscored or "" for found in all_grades])
        if log_metric is not None:
            log_metric("rubric/asked", float(len(grades)))
            log_metric("rubric/unscored", float(len(reasons)))
        return [found.score for found in all_grades]

    return rubric_reward


def rubric_reward(
    prompts: Sequence[Sequence[Mapping[str, Any]]], completions: Sequence[Any], **columns: Any
) -> list[float | None]:
    """TRL's reward function: a score in 0..1 for each completion, or None.

    None stands for an unscored completion, whose advantage TRL sets to 0 and which it leaves out of the group's mean,
    and for a row of another data set in a mixture, one whose ``rubric`` is null.

    Args:
        prompts: conversations, as messages.
        completions: the policy's messages, or texts.
        columns: the other columns of the exported data set, a value for each completion, and what TRL adds.

    Raises:
        DataError: a column is missing or holds a value of another kind.
        BeneficentError: ``BENEFICENT_JUDGE`` is not set, or the judge cannot be had.
    """
    return rubric_reward_with()(prompts, completions, **columns)


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    judge: Judging = None,
    unscored: float | None = None,
    **others: Any,
) -> dict[str, float]:
    """verl's reward function, for one response: ``score`` in 0..1, and ``unscored``, 1 where that is no grade.

    verl has no place for a response without a reward: NaN would spoil its whole group, and what the manager
    ``rate_limited`` does with an error is a reward of 0. So an unscored response is an error here, which stops training
    under the manager ``naive``, unless ``unscored`` says what to count it as. Rows of other data sources in a mixture
    go to verl's own ``default_compute_score``.

    Args:
        judge, unscored: set with ``reward.custom_reward_function.reward_kwargs``.
        others: what reward managers add; not read.

    Raises:
        UnscoredError: the response has no score and ``unscored`` is not given.
        DataError: the ground truth is not an exported situation.
        BeneficentError: no judge is named, or it cannot be had.
    """
    if data_source != DATA_SOURCE:
        return {"score": _score_of_verl(data_source, solution_str, ground_truth, extra_info), "unscored": 0.0}
    try:
        row = json.loads(ground_truth)
    except ValueError as error:
        raise DataError(f"ground_truth is not the JSON of a situation: {error}") from error
    found = grade(row, solution_str, judge)
    if found.score is not None:
        return {"score": found.score, "unscored": 0.0}
    if unscored is None:
        raise UnscoredError(
            f"situation {row['id']!r} is unscored: {found.unscored}; "
            "reward_kwargs.unscored can say what to count such a response as"
        )
    return {"score": unscored, "unscored": 1.0}


def _score_of_verl(data_source: str, solution_str: str, ground_truth: str, extra_info: Any) -> float:
    module = importlib.import_module("verl.utils.reward_score")
    found = module.default_compute_score(data_source, solution_str, ground_truth, extra_info)
    return float(found["score"] if isinstance(found, Mapping) else found)


def _rows(prompts: Sequence[Any], columns: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    """A row for each prompt, or None where the prompt is of another data set."""
    absent = [name for name in _COLUMNS if name not in columns]
    if absent:
        raise DataError(f"the data set lacks the columns {', '.join(absent)}; 'situations export --to trl' writes them")
    rows: list[dict[str, Any] | None] = []
    for place, prompt in enumerate(prompts):
        values = {name: columns[name][place] for name in _COLUMNS}
        is_situation = values["rubric"] is not None
        rows.append({**values, "messages": [_plain(message) for message in prompt]} if is_situation else None)
    return rows


def _response(completion: str | Sequence[Mapping[str, Any]]) -> str:
    """What the policy said last, of a text or of messages, between which calls of tools may stand."""
    if isinstance(completion, str):
        return completion
    said = [_plain(message)["content"] for message in completion if message["role"] == "assistant"]
    return said[-1] if said else ""


def _plain(message: Mapping[str, Any]) -> dict[str, str]:
    """A message with its content as one text, which trainers of multimodal policies give in parts."""
    content = message.get("content") or ""
    parts = [{"text": content}] if isinstance(content, str) else content
    return {"role": message["role"], "content": "".join(part.get("text") or "" for part in parts)}


def _answer(response: str) -> str | None:
    """The response without its thought; None where it ends within one."""
    _, mark, answer = response.partition(_CLOSE)
    if mark:
        return answer.strip()
    return None if response.lstrip().startswith(_OPEN) else response.strip()


def _grader(judge: Judging) -> Grader:
    if judge is None:
        judge = os.environ.get(VARIABLE) or None
    if judge is None:
        raise BeneficentError(
            f"no judge is named, and none is taken by default: set {VARIABLE}, or give one as 'judge'; {_ALLOWED}"
        )
    return _named(judge) if isinstance(judge, str) else judge


@cache
def _named(name: str) -> Grader:
    """The grader behind a name, made once for a process, since it holds connections and counts."""
    if "/" in name:
        from beneficent.grading.judge import Judge

        return Judge(name)
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, type) or not callable(getattr(found, "grade", None)):
            raise TypeError(f"{found!r:.100} is no object with a method 'grade'")
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise BeneficentError(f"judge {name!r} cannot be had ({error}); {_ALLOWED}") from error
    grader: Grader = found
    return grader
