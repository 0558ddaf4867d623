"""Preregistration: what a study will ask, and by which rule it will answer, frozen before anything is trained."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.verdicts import QUESTIONS
from beneficent.core.errors import BeneficentError, CorruptFileError
from beneficent.core.files import read_json, write_json
from beneficent.core.hashing import digest
from beneficent.study.folder import RunFolder, now
from beneficent.study.recipe import Recipe

FORMAT = 1

_CONTRASTS: dict[str, tuple[str, str]] = {
    "installed": ("trait", "mean difference on held-out situations"),
    "spread": ("trait", "mean difference over all alignment benchmarks"),
    "other-formats": ("trait", "mean difference over the alignment benchmarks in formats never trained"),
    "traffic": ("trait", "mean difference over the alignment benchmarks built from traffic"),
    "health-only": ("health-only", "mean difference over the non-health alignment benchmarks"),
    "no-health-science": ("no-health-science", "mean difference over the health alignment benchmarks"),
    "helpfulness": ("helpfulness", "mean difference over all alignment benchmarks"),
    "style": ("style", "mean difference over all alignment benchmarks"),
    "capability": ("trait", "mean difference over the capability benchmarks"),
}
"""Question -> the arm that is compared with the baseline, and on what; other questions are descriptions."""


def preregister(folder: RunFolder, recipe: Recipe, source_digest: str) -> dict[str, Any]:
    """Write ``preregistration.json`` into a run folder in which nothing was trained yet, and return its content.

    Raises:
        BeneficentError: there is one already, or training has begun.
    """
    if folder.preregistration.exists():
        raise BeneficentError(f"{folder.preregistration} is there already, and a preregistration is written once")
    if "training_begun" in folder.begun():
        raise BeneficentError(f"training has begun in {folder.path}; preregister before it, in a new folder with --out")
    content = {
        "format": FORMAT,
        "date": now(),
        "recipe": recipe.name,
        "digest": recipe.digest(source_digest),
        "source_digest": source_digest,
        "rule": _rule(recipe.analysis),
        "questions": _questions(recipe),
    }
    content["sha256"] = digest(content)
    write_json(folder.preregistration, content)
    return content


def settings_for(folder: RunFolder, recipe: Recipe) -> AnswerSettings:
    """The recipe's analysis settings, with the questions that this run may call preregistered.

    Raises:
        CorruptFileError: the preregistration was changed since it was written.
    """
    if not folder.preregistration.exists():
        return recipe.analysis
    content = read_json(folder.preregistration)
    begun = folder.begun()
    if not isinstance(content, dict) or content.get("sha256") != digest(_without_sha(content)):
        raise CorruptFileError(f"{folder.preregistration} was changed since it was written")
    trained_from = begun.get("training_begun")
    if content["digest"] != begun["digest"] or (trained_from is not None and trained_from < content["date"]):
        return recipe.analysis
    return replace(recipe.analysis, preregistered=tuple(question["id"] for question in content["questions"]))


def _rule(analysis: AnswerSettings) -> str:
    return (
        "95% interval over seeds (this method) where there are three seeds or more, else over items (these models); "
        f"equivalence margin {analysis.margin}; benchmarks are significant at q < {analysis.false_discovery_rate} "
        f"after Benjamini-Hochberg over each {analysis.family}"
    )


def _questions(recipe: Recipe) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, question in QUESTIONS.items():
        if name in _CONTRASTS:
            arm, measure = _CONTRASTS[name]
            if arm in recipe.arms and arm != recipe.analysis.baseline and recipe.analysis.baseline in recipe.arms:
                found.append({"id": name, "question": question, **_contrast(arm, measure, recipe.analysis)})
                if arm in recipe.analysis.control_arms:
                    found[-1]["gate"] = _bites(recipe.analysis)
        elif name != "mediation" or recipe.mediation is not None:
            found.append({"id": name, "question": question, "gate": "none, a description"})
    return found


def _bites(analysis: AnswerSettings) -> str:
    return (
        "counts only if the control's reward bites: spread within groups at least "
        f"{analysis.bite_spread:g} of the trait reward's, correlation with it within groups at most "
        f"{analysis.bite_correlation:g} in absolute value, and it rises (95% interval above 0); else it is inert"
    )


def _contrast(arm: str, measure: str, analysis: AnswerSettings) -> dict[str, Any]:
    baseline = analysis.baseline
    return {
        "contrast": f"{arm} - {baseline}",
        "measure": measure,
        "outcomes": {
            "the interval lies above 0": f"{arm} is better than {baseline}",
            "the interval lies below 0": f"{arm} is worse than {baseline}",
            f"it holds 0 and the difference is within {analysis.margin} (two one-sided tests)": (
                f"{arm} is equivalent to {baseline}"
            ),
            "otherwise": f"{arm} is not shown to differ from {baseline}",
        },
    }


def _without_sha(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != "sha256"}
