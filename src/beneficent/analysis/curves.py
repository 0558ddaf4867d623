"""Learning curves as they are drawn: mean reward by step, over seeds, in a few dozen bins."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from beneficent.analysis.sheets import Run

BINS = 40
_COLUMNS = {"reward_trait": "trait", "reward_standard": "standard"}


def learning_curves(trajectories: Mapping[Run, pl.DataFrame]) -> list[dict[str, Any]]:
    """Rows {arm, slots: trait|standard, step, reward, low, high, seeds}.

    Steps are cut into at most ``BINS`` bins of equal width (``step`` is the middle) and averaged within each seed;
    ``reward`` is the mean over seeds and ``low`` and ``high`` the lowest and highest seed: a description, no interval.
    """
    frames = [
        steps.select(
            pl.lit(arm).alias("arm"),
            pl.lit(seed).alias("seed"),
            pl.col("step").cast(pl.Int64),
            *(pl.col(name).cast(pl.Float64) for name in _COLUMNS),
        )
        for (arm, seed), steps in trajectories.items()
        if steps.height
    ]
    if not frames:
        return []
    last = max(int(frame["step"].to_numpy().max()) for frame in frames)
    width = -(-(last + 1) // BINS)
    per_seed = (
        pl.concat(frames)
        .unpivot(on=list(_COLUMNS), index=["arm", "seed", "step"], variable_name="slots", value_name="reward")
        .drop_nulls("reward")
        .with_columns(
            pl.col("slots").replace_strict(_COLUMNS), (pl.col("step") // width * width + (width - 1) / 2).alias("step")
        )
        .group_by("arm", "slots", "step", "seed")
        .agg(pl.col("reward").mean())
        .sort("seed")
    )
    curves = per_seed.group_by("arm", "slots", "step").agg(
        pl.col("reward").mean(),
        pl.col("reward").min().alias("low"),
        pl.col("reward").max().alias("high"),
        pl.len().alias("seeds"),
    )
    return curves.sort("slots", "arm", "step").to_dicts()
