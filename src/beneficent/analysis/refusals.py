"""Refusals: how often, and what is left of a difference where neither arm refuses.

Pairs without a refusal are a selected sample (an arm that refuses the hard items looks better on the rest), so their
difference is a description; the bounds beside it put the worst and the best score where a refusal stands.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from beneficent.analysis.sheets import REFUSALS, UNKNOWN, Sheet

_REFUSAL = REFUSALS["refusal"]


def refusal_rates(sheets: Sequence[Sheet], arms: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Per arm, the mean over benchmarks and seeds of the share classed refusal and partial, with denominators."""
    rates: dict[str, dict[str, Any]] = {}
    for arm in arms:
        shares: dict[str, list[float]] = {"refusal": [], "partial": []}
        classed = asked = 0
        for sheet in sheets:
            codes = [sheet.refusals[arm, seed] for seed in sheet.seeds(arm)]
            asked += sheet.counted(arm).asked
            classed += sum(int((code != UNKNOWN).sum()) for code in codes)
            known = [code[code != UNKNOWN] for code in codes if (code != UNKNOWN).any()]
            for name, values in shares.items():
                if known:
                    values.append(float(np.mean([(code == REFUSALS[name]).mean() for code in known])))
        rates[arm] = {
            **{name: float(np.mean(values)) if values else None for name, values in shares.items()},
            "benchmarks": len(shares["refusal"]),
            "classed": classed,
            "asked": asked,
        }
    return rates


def non_refusing_pairs(sheets: Sequence[Sheet], arm: str, reference: str) -> dict[str, Any]:
    """Differences over pairs where neither refuses, the pairs left out, and bounds that take those in.

    In the lower bound every refusal of ``arm`` scores 0 and every refusal of ``reference`` 1; in the upper bound the
    other way round. A pair enters if both answers are classed and every one that is no refusal is graded.
    """
    means: dict[str, list[float]] = {"difference": [], "low": [], "high": []}
    pairs = left_out = 0
    for sheet in sheets:
        seeds = sorted(set(sheet.seeds(arm)) & set(sheet.seeds(reference)))
        own: dict[str, list[float]] = {name: [] for name in means}
        for seed in seeds:
            scores = [sheet.scores[name, seed] for name in (arm, reference)]
            codes = [sheet.refusals[name, seed] for name in (arm, reference)]
            refused = [code == _REFUSAL for code in codes]
            usable = np.logical_and.reduce(
                [
                    (code != UNKNOWN) & (no | np.isfinite(score))
                    for code, no, score in zip(codes, refused, scores, strict=True)
                ]
            )
            neither = usable & ~refused[0] & ~refused[1]
            pairs += int(neither.sum())
            left_out += int((usable & ~neither).sum())
            if neither.any():
                own["difference"].append(float((scores[0] - scores[1])[neither].mean()))
            if usable.any():
                for name, mine, theirs in (("low", 0.0, 1.0), ("high", 1.0, 0.0)):
                    filled = np.where(refused[0], mine, scores[0]) - np.where(refused[1], theirs, scores[1])
                    own[name].append(float(filled[usable].mean()))
        for name, values in own.items():
            if seeds and len(values) == len(seeds):
                means[name].append(float(np.mean(values)))
    differences = means["difference"]
    return {
        "arm": arm,
        "reference": reference,
        "pairs": pairs,
        "left_out": left_out,
        "benchmarks": len(differences),
        "ahead": sum(value > 1e-9 for value in differences),
        "tied": sum(abs(value) <= 1e-9 for value in differences),
        "behind": sum(value < -1e-9 for value in differences),
        **{name: float(np.mean(values)) if values else None for name, values in means.items()},
    }
