"""How much of a difference between two arms runs through the thought.

The same forced thoughts are given to both arms. What remains of the difference then is the controlled direct effect;
the share that runs through the thought is the proportion eliminated, ``1 - direct / total`` (Robins and Greenland 1992;
VanderWeele 2015, chapter 2), with the direct effect averaged over the beneficial and the harmful thought. The removed
thought is shown beside it and stays out of that average: an empty thought is one that no policy was trained to have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beneficent.analysis import statistics
from beneficent.analysis.comparison import benchmark_rng, cluster_sums
from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.sheets import CLEAN, Sheet
from beneficent.analysis.statistics import Estimate, Floats
from beneficent.analysis.transfer import SUBSETS
from beneficent.benchmarks.types import Card

FORCED_PREFIX = "thought-"
FIXED = ("thought-beneficial", "thought-harmful")
"""Conditions over which the direct effect is averaged."""

_READINGS = ("all", "trained format", "other formats")


@dataclass(frozen=True, slots=True)
class Panel:
    """One benchmark under every condition, on the items asked in all of them."""

    card: Card
    sheets: Mapping[str, Sheet]
    places: Mapping[str, NDArray[np.int64]]
    """Condition -> index of the panel's items in that sheet."""

    def scores(self, condition: str, arm: str, seed: int) -> Floats:
        return self.sheets[condition].scores[arm, seed][self.places[condition]]

    @property
    def num_items(self) -> int:
        return len(self.places[CLEAN])


@dataclass(frozen=True, slots=True)
class _Effect:
    """Differences of one contrast on one panel benchmark: per condition and seed, and their draws."""

    card: Card
    per_seed: Mapping[str, Floats]
    draws: Mapping[str, Floats]
    num_clusters: int


def mediation(
    sheets: Sequence[Sheet], arms: Sequence[str], shown: Sequence[str], settings: AnswerSettings
) -> dict[str, Any] | None:
    """The mediation section of ``results.json``, or ``None`` without forced-thought conditions.

    ``arms`` are compared with the baseline; ``shown`` are all whose levels are printed, the start checkpoint included.
    """
    panels, conditions = build_panels(sheets)
    if not panels:
        return None
    return {
        "definition": "1 - (difference with the thought fixed) / (difference with own thoughts)",
        "conditions": conditions,
        "benchmarks": [panel.card.name for panel in panels],
        "items": sum(panel.num_items for panel in panels),
        "levels": [_level(panels, arm, condition) for arm in shown for condition in conditions],
        "arms": {arm: _arm(panels, conditions, arm, settings) for arm in arms},
    }


def build_panels(sheets: Sequence[Sheet]) -> tuple[list[Panel], list[str]]:
    """Benchmarks scored clean and under every forced-thought condition, and the conditions, clean first."""
    by_name: dict[str, dict[str, Sheet]] = {}
    for sheet in sheets:
        if sheet.condition == CLEAN or sheet.condition.startswith(FORCED_PREFIX):
            by_name.setdefault(sheet.card.name, {})[sheet.condition] = sheet
    forced = sorted({condition for own in by_name.values() for condition in own} - {CLEAN})
    conditions = [CLEAN, *forced]
    if not forced:
        return [], conditions
    panels = []
    for own in by_name.values():
        if set(own) != set(conditions):
            continue
        shared = sorted(set.intersection(*(set(sheet.items) for sheet in own.values())))
        index = {name: {item: i for i, item in enumerate(sheet.items)} for name, sheet in own.items()}
        places = {name: np.array([index[name][item] for item in shared], dtype=np.int64) for name in own}
        panels.append(Panel(own[CLEAN].card, own, places))
    return [panel for panel in panels if panel.num_items], conditions


def _level(panels: Sequence[Panel], arm: str, condition: str) -> dict[str, Any]:
    """Mean over benchmarks and seeds of the graded panel items; ``None`` unless every benchmark has some."""
    means: list[float] = []
    asked = graded = 0
    for panel in panels:
        own = [panel.scores(condition, arm, seed) for seed in panel.sheets[condition].seeds(arm)]
        asked += sum(len(scores) for scores in own)
        graded += sum(int(np.isfinite(scores).sum()) for scores in own)
        if own and all(np.isfinite(scores).any() for scores in own):
            means.append(float(np.mean([np.nanmean(scores) for scores in own])))
    level = float(np.mean(means)) if means and len(means) == len(panels) else None
    return {
        "arm": arm,
        "condition": condition,
        "level": level,
        "benchmarks": len(means),
        "asked": asked,
        "graded": graded,
    }


def _arm(panels: Sequence[Panel], conditions: Sequence[str], arm: str, settings: AnswerSettings) -> dict[str, Any]:
    scored = [
        set(sheet.seeds(name))
        for panel in panels
        for sheet in panel.sheets.values()
        for name in (arm, settings.baseline)
    ]
    seeds = sorted(set.intersection(*scored))
    found = [_effect(panel, conditions, arm, seeds, settings) for panel in panels] if seeds else []
    effects = [effect for effect in found if effect is not None]
    return {
        name: _summary([effect for effect in effects if SUBSETS[name](effect.card)], conditions, settings)
        for name in _READINGS
    }


def _effect(
    panel: Panel, conditions: Sequence[str], arm: str, seeds: Sequence[int], settings: AnswerSettings
) -> _Effect | None:
    """``None`` where some condition and seed has no item graded in both arms."""
    baseline = settings.baseline
    stacked_KI = np.stack(
        [panel.scores(name, arm, s) - panel.scores(name, baseline, s) for name in conditions for s in seeds]
    )
    if not np.isfinite(stacked_KI).any(axis=1).all():
        return None
    clusters = panel.sheets[CLEAN].clusters[panel.places[CLEAN]]
    sums_CK, counts_CK = cluster_sums(stacked_KI, clusters)
    rng = benchmark_rng(settings, panel.card.name, "mediation")
    draws_RK = statistics.bootstrap_means(sums_CK, counts_CK, settings.num_resamples, rng)
    means_K = np.nanmean(stacked_KI, axis=1)
    columns = {name: slice(i * len(seeds), (i + 1) * len(seeds)) for i, name in enumerate(conditions)}
    return _Effect(
        panel.card,
        {name: means_K[own] for name, own in columns.items()},
        {name: statistics.fill_undefined(draws_RK[:, own].mean(axis=1)) for name, own in columns.items()},
        len(sums_CK),
    )


def _summary(effects: Sequence[_Effect], conditions: Sequence[str], settings: AnswerSettings) -> dict[str, Any]:
    if not effects:
        return {"benchmarks": 0, "differences": {}, "share": _no_share("no benchmark of the panel to compare")}
    df = float(sum(effect.num_clusters - 1 for effect in effects)) or 1.0
    units = sum(effect.num_clusters for effect in effects)
    values, draws, differences = {}, {}, {}
    for name in conditions:
        per_seed = np.mean([effect.per_seed[name] for effect in effects], axis=0)
        values[name] = float(per_seed.mean())
        draws[name] = np.mean([effect.draws[name] for effect in effects], axis=0)
        these = statistics.these_models(values[name], draws[name], df, units, settings.margin)
        method = statistics.this_method(per_seed, settings.margin)
        differences[name] = {"these_models": these.as_dict(), "this_method": method.as_dict()}
        if name == CLEAN:
            total = these
    return {
        "benchmarks": len(effects),
        "seeds": len(effects[0].per_seed[CLEAN]),
        "differences": differences,
        "share": _share(values, draws, total, df),
    }


def _share(values: Mapping[str, float], draws: Mapping[str, Floats], total: Estimate, df: float) -> dict[str, Any]:
    fixed = [name for name in FIXED if name in values]
    if not fixed:
        return _no_share(f"none of the conditions {', '.join(FIXED)} was scored")
    if not total.excludes_zero:
        return _no_share("the difference to explain cannot be told from zero")
    direct = float(np.mean([values[name] for name in fixed]))
    direct_R = np.mean([draws[name] for name in fixed], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share_R = 1 - direct_R / draws[CLEAN]
    low, high = statistics.percentile_interval(share_R, df)
    return {
        "value": 1 - direct / values[CLEAN],
        "low": low,
        "high": high,
        "kind": "these_models",
        "by_condition": {name: 1 - value / values[CLEAN] for name, value in values.items() if name != CLEAN},
        "reason": None,
    }


def _no_share(reason: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "kind": "these_models", "by_condition": {}, "reason": reason}
