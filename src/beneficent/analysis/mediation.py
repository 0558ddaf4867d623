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

from beneficent.analysis import statistics
from beneficent.analysis.comparison import benchmark_rng, cluster_sums
from beneficent.analysis.contrasts import Panel, build_panels, level
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
    panels, conditions = thought_panels(sheets)
    if not panels:
        return None
    return {
        "definition": "1 - (difference with the thought fixed) / (difference with own thoughts)",
        "conditions": conditions,
        "benchmarks": [panel.card.name for panel in panels],
        "items": sum(panel.num_items for panel in panels),
        "levels": [
            {"arm": arm, "condition": condition, **level(panels, condition, arm)}
            for arm in shown
            for condition in conditions
        ],
        "arms": {arm: _arm(panels, conditions, arm, settings) for arm in arms},
    }


def thought_panels(sheets: Sequence[Sheet]) -> tuple[list[Panel], list[str]]:
    """Benchmarks scored clean and under every forced-thought condition, and the conditions, clean first."""
    forced = sorted({sheet.condition for sheet in sheets if sheet.condition.startswith(FORCED_PREFIX)})
    conditions = [CLEAN, *forced]
    return (build_panels(sheets, conditions) if forced else []), conditions


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
