"""Levels of finished runs as a matrix: every trained policy on every benchmark, for structure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from beneficent.analysis.statistics import Floats
from beneficent.core.errors import BeneficentError, DataError
from beneficent.core.store import Parts
from beneficent.study.folder import RunFolder
from beneficent.study.plan import CLEAN, make_plan
from beneficent.study.registry import load_source
from beneficent.study.suite import build_suite


@dataclass(frozen=True, slots=True)
class Levels:
    """``values`` (models, benchmarks): mean graded score; ``capability`` (models,), None without such benchmarks."""

    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    traits: tuple[str, ...]
    values: Floats
    capability: Floats | None


def read_levels(folders: Sequence[Path]) -> Levels:
    """Clean levels of every arm and seed of the runs on the alignment and held-out benchmarks that all have graded.

    The starting checkpoint is left out: it is not an independent run of anything.

    Raises:
        BeneficentError: a folder is no run, or holds no scores yet.
        DataError: runs share no benchmark, or were scored under different protocols.
    """
    frames: list[pl.DataFrame] = []
    roles: dict[str, str] = {}
    for path in folders:
        folder = RunFolder(path)
        recipe = folder.recipe()
        cards = {card.name: card.role for card in build_suite(load_source(recipe.source)).cards}
        roles |= cards
        steps = [s for s in make_plan(recipe) if s.kind == "score" and s.condition == CLEAN and s.arm in recipe.arms]
        for step in steps:
            if not folder.is_done(step):
                raise BeneficentError(f"{path}: {step.name} is not done yet")
            model = f"{path.name}/{step.arm}-{step.seed}"
            frames.append(Parts(folder.of(step)).read().with_columns(model=pl.lit(model)))
    rows = pl.concat(frames, how="diagonal_relaxed")
    mixed = rows.group_by("benchmark").agg(pl.col("protocol").n_unique().alias("n")).filter(pl.col("n") > 1)
    if mixed.height:
        raise DataError(
            f"{mixed['benchmark'][0]} was scored under {mixed['n'][0]} protocols; such levels are not compared"
        )
    means = rows.group_by("model", "benchmark").agg(pl.col("score").mean())
    wide = means.pivot("benchmark", index="model", values="score").sort("model")
    whole = [name for name in wide.columns if name != "model" and not wide[name].has_nulls()]
    kept = sorted(name for name in whole if roles[name] in ("alignment", "trait"))
    if not kept:
        raise DataError("the runs share no benchmark that is graded for every model")
    able = [name for name in whole if roles[name] == "capability"]
    return Levels(
        tuple(wide["model"].to_list()),
        tuple(kept),
        tuple(name for name in kept if roles[name] == "trait"),
        wide.select(kept).to_numpy().astype(np.float64),
        wide.select(able).to_numpy().astype(np.float64).mean(axis=1) if able else None,
    )
