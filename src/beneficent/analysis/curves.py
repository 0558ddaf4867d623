"""What is drawn over training: rewards, lengths and refusals by step, over seeds, in a few dozen bins.

Steps are cut into at most ``BINS`` bins of equal width (``step`` is the middle) and averaged within each seed; the
value is the mean over seeds and ``low`` and ``high`` the lowest and highest seed: a description, no interval.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from beneficent.analysis.cells import UNKNOWN, Results, Table, number, share
from beneficent.analysis.sheets import Run

BINS = 40
EDGE_SHARE = 0.1
"""Share of a curve's bins that its start and its end in the table are taken over."""
_REWARDS = {"reward_trait": "trait", "reward_standard": "standard"}
TOKENS = {"task": "tokens on standard slots", "situation": "tokens on trait slots"}
REFUSALS = {"task": "refusals on standard slots", "situation": "refusals on trait slots"}
"""Kind of an exercise -> what is measured on it."""


def learning_curves(trajectories: Mapping[Run, pl.DataFrame]) -> list[dict[str, Any]]:
    """Rows {arm, slots: trait|standard, step, reward, low, high, seeds}."""
    frames = [
        steps.select(
            pl.lit(arm).alias("arm"),
            pl.lit(seed).alias("seed"),
            pl.col("step").cast(pl.Int64),
            *(pl.col(name).cast(pl.Float64) for name in _REWARDS),
        )
        for (arm, seed), steps in trajectories.items()
        if steps.height
    ]
    if not frames:
        return []
    rewards = (
        pl.concat(frames)
        .unpivot(on=list(_REWARDS), index=["arm", "seed", "step"], variable_name="measure")
        .drop_nulls("value")
        .with_columns(pl.col("measure").replace_strict(_REWARDS))
    )
    return _binned(rewards).rename({"measure": "slots", "value": "reward"}).to_dicts()


def drift_curves(rollouts: pl.DataFrame | None) -> list[dict[str, Any]]:
    """Rows {arm, measure, step, value, low, high, seeds}: tokens a completion, and the share of answers that refuse.

    Each is given for standard slots, which hold the same tasks in every arm, and for trait slots.

    Args:
        rollouts: training rollouts with ``arm`` and ``seed``; ``refusal`` in them is the class of an answer, null where
            it has none, and without that column there are no refusals among the rows.
    """
    if rollouts is None or rollouts.is_empty():
        return []
    measured = [(TOKENS, pl.col("num_tokens").cast(pl.Float64))]
    if "refusal" in rollouts.columns:
        measured.append((REFUSALS, (pl.col("refusal") == "refusal").cast(pl.Float64)))
    frames = [
        rollouts.filter(pl.col("kind").is_in(list(names))).select(
            "arm",
            "seed",
            pl.col("step").cast(pl.Int64),
            pl.col("kind").replace_strict(names, default=None, return_dtype=pl.String).alias("measure"),
            value.alias("value"),
        )
        for names, value in measured
    ]
    return _binned(pl.concat(frames).drop_nulls("value")).to_dicts()


def drift_table(results: Results) -> Table:
    """Tokens and refusals of every arm in the first and the last tenth of training."""
    by_curve: dict[tuple[str, str], list[float]] = {}
    for row in results.get("drift") or ():
        by_curve.setdefault((row["arm"], row["measure"]), []).append(row["value"])
    shown = dict.fromkeys(TOKENS.values(), number) | dict.fromkeys(REFUSALS.values(), share)
    arms = dict.fromkeys(arm for arm, _ in by_curve)
    rows = [(arm, *(_from_to(by_curve.get((arm, name)), show) for name, show in shown.items())) for arm in arms]
    return Table("Drift in training, start to end (means over seeds)", ("arm", *shown), rows)


def _from_to(curve: Sequence[float] | None, show: Callable[[float | None], str]) -> str:
    if not curve:
        return UNKNOWN
    edge = max(1, round(EDGE_SHARE * len(curve)))
    return f"{show(sum(curve[:edge]) / edge)} to {show(sum(curve[-edge:]) / edge)}"


def _binned(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows arm, measure, step, value, low, high, seeds from rows arm, seed, step, measure, value."""
    last = 0 if rows.is_empty() else int(rows["step"].to_numpy().max())
    width = -(-(last + 1) // BINS)
    per_seed = (
        rows.with_columns((pl.col("step") // width * width + (width - 1) / 2).alias("step"))
        .group_by("arm", "measure", "step", "seed")
        .agg(pl.col("value").mean())
        .sort("seed")
    )
    curves = per_seed.group_by("arm", "measure", "step").agg(
        pl.col("value").mean(),
        pl.col("value").min().alias("low"),
        pl.col("value").max().alias("high"),
        pl.len().alias("seeds"),
    )
    return curves.sort("measure", "arm", "step")
