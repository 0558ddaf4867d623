"""Grading again what training graded, with a grader that training never used."""

from typing import TYPE_CHECKING, Any

import polars as pl

from beneficent.core.errors import DataError
from beneficent.core.files import write_json
from beneficent.core.store import Parts
from beneficent.study.arms import ARMS
from beneficent.study.plan import CLEAN, Step, arm_folder

if TYPE_CHECKING:
    from beneficent.grading.types import Grader
    from beneficent.study.doing import Workplace


def regrade(place: "Workplace", step: Step) -> str:
    """Grade an arm's situation rollouts and its answers to held-out situations by the recipe's second grader.

    A row has ``kind`` (``rollout`` or ``held-out``), ``step`` (of training, null for held-out answers), ``rubric``
    (what the training rubric gave), ``second`` and ``unscored`` (why the second grader gave nothing).
    """
    assert step.arm is not None
    grader = second_grader(place)
    rows = [*_rollouts(place, step, grader), *_held_out(place, step, grader)]
    parts = Parts(place.folder.of(step))
    parts.keep(pl.lit(False))
    parts.append(rows)
    write_json(place.folder.path / step.marker, {"answers": len(rows)})
    return f"{len(rows):,} answers by {grader.name}"


def second_grader(place: "Workplace") -> "Grader":
    """Raises ``DataError`` if the source does not have it."""
    graders, name = place.source.graders(), place.recipe.regrade_with
    if name is None or name not in graders:
        raise DataError(f"regrade_with is {name!r}; the source has the graders {', '.join(sorted(graders))}")
    return graders[name]


def _rollouts(place: "Workplace", step: Step, grader: "Grader") -> list[dict[str, Any]]:
    assert step.arm is not None
    situations = {situation.id: situation for situation in place.source.situations("train")}
    folder = place.folder.path / "arms" / arm_folder(step.arm, step.seed)
    rubric = "score" if ARMS[step.arm].grader == "trait" else "score_trait"
    rows = Parts(folder / "rollouts").read().filter((pl.col("kind") == "situation") & pl.col(rubric).is_not_null())
    grades = grader.grade([situations[name] for name in rows["exercise"]], rows["answer"].to_list())
    return [
        {"kind": "rollout", "step": at, "rubric": score, "second": grade.score, "unscored": grade.unscored}
        for at, score, grade in zip(rows["step"], rows[rubric], grades, strict=True)
    ]


def _held_out(place: "Workplace", step: Step, grader: "Grader") -> list[dict[str, Any]]:
    assert step.arm is not None
    situations = {situation.id: situation for situation in place.source.situations("test")}
    folder = place.folder.path / "scores" / arm_folder(step.arm, step.seed) / CLEAN
    names = [benchmark.card.name for benchmark in place.suite.by_role("trait")]
    rows = Parts(folder).read().filter(pl.col("benchmark").is_in(names) & pl.col("score").is_not_null())
    answers = [own[0] for own in rows["answers"]]
    grades = grader.grade([situations[name] for name in rows["item"]], answers)
    return [
        {"kind": "held-out", "step": None, "rubric": score, "second": grade.score, "unscored": grade.unscored}
        for score, grade in zip(rows["score"], grades, strict=True)
    ]
