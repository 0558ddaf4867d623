"""Over-optimisation: does the training rubric rise where a second grader, never trained on, sees nothing rise?

The gap is the training rubric's score minus the second grader's, on the same answers (after Gao, Schulman and Hilton
2023, who compare a proxy reward with a gold one over optimisation).
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from beneficent.analysis.statistics import rise

NUM_BINS = 20
"""Points of a curve; steps are averaged into so many."""
EDGE_SHARE = 0.2
"""Share of the steps at the start and at the end between which the gap's growth is taken."""
PARTED = 0.05
"""Growth of the gap, in score, from which the curves are said to part, if its interval leaves out zero."""


def over_optimisation(regraded: pl.DataFrame | None, arms: Sequence[str]) -> dict[str, Any] | None:
    """Per arm ``curve`` [{step, rubric, second, gap, low, high}] (low and high: lowest and highest seed's gap),
    ``growth`` of the gap {value, low, high, reason}, ``parted`` True, False or None, ``held_out`` {rubric, second} and
    ``unscored``; None without regraded answers. Curves go over steps, seeds weighing the same.
    """
    if regraded is None or regraded.is_empty():
        return None
    found = {}
    for arm in arms:
        own = regraded.filter(pl.col("arm") == arm)
        if own.height:
            found[arm] = _arm(own)
    return found


def _arm(own: pl.DataFrame) -> dict[str, Any]:
    scored = own.filter(pl.col("second").is_not_null())
    rollouts = scored.filter(pl.col("kind") == "rollout").with_columns(gap=pl.col("rubric") - pl.col("second"))
    held_out = scored.filter(pl.col("kind") == "held-out")
    growth = _growth(rollouts)
    parted = None if growth["low"] is None else bool(growth["low"] > 0 and growth["value"] >= PARTED)
    return {
        "curve": _curve(rollouts),
        "growth": growth,
        "parted": parted,
        "held_out": {name: held_out[name].mean() for name in ("rubric", "second")},
        "answers": own.height,
        "unscored": own.height - scored.height,
    }


def _curve(rollouts: pl.DataFrame) -> list[dict[str, Any]]:
    if rollouts.is_empty():
        return []
    width = max(1, -(-(int(str(rollouts["step"].max())) + 1) // NUM_BINS))
    binned = rollouts.with_columns(bin=pl.col("step") // width)
    by_seed = binned.group_by("bin", "seed").agg(pl.col("step", "rubric", "second", "gap").mean())
    curve = by_seed.group_by("bin").agg(
        pl.col("step", "rubric", "second").mean(),
        pl.col("gap").mean(),
        pl.col("gap").min().alias("low"),
        pl.col("gap").max().alias("high"),
    )
    return curve.sort("bin").drop("bin").to_dicts()


def _growth(rollouts: pl.DataFrame) -> dict[str, Any]:
    """Gap at the end minus gap at the start; every step of every seed is one value (its answers share a policy)."""
    if rollouts.is_empty():
        return {"value": None, "low": None, "high": None, "reason": "nothing graded by both"}
    last = int(str(rollouts["step"].max()))
    steps = rollouts.group_by("seed", "step").agg(pl.col("gap").mean()).sort("seed", "step")
    before = steps.filter(pl.col("step") <= EDGE_SHARE * last)["gap"].to_numpy()
    after = steps.filter(pl.col("step") >= (1 - EDGE_SHARE) * last)["gap"].to_numpy()
    found = rise(before, after)
    return {"value": found.value, "low": found.low, "high": found.high, "reason": found.reason}
