"""Score rows laid out as arrays: one sheet a benchmark and condition, checked on the way in.

Here rows of different protocol hashes meet their refusal, and every denominator is counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beneficent.analysis.statistics import Floats
from beneficent.benchmarks.types import Card
from beneficent.core.errors import DataError
from beneficent.policy.types import Ending

Run = tuple[str, int]
"""Arm and seed; the start checkpoint is ``(START, NO_SEED)``."""

START = "pre-RL"
NO_SEED = -1
CLEAN = "clean"
REFUSALS = {"answer": 0, "partial": 1, "refusal": 2}
UNKNOWN = -1
REQUIRED = ("arm", "seed", "benchmark", "item", "cluster", "condition", "protocol", "score", "unscored", "refusal")
_NOT_ANSWERED = [Ending.TRUNCATED.value, Ending.ERRORED.value]


@dataclass(frozen=True, slots=True)
class Denominators:
    """asked >= answered = graded + failed; asked - answered were cut or errored."""

    asked: int = 0
    answered: int = 0
    graded: int = 0
    failed: int = 0

    def __add__(self, other: "Denominators") -> "Denominators":
        return Denominators(
            self.asked + other.asked,
            self.answered + other.answered,
            self.graded + other.graded,
            self.failed + other.failed,
        )

    def as_dict(self) -> dict[str, int]:
        return {"asked": self.asked, "answered": self.answered, "graded": self.graded, "failed": self.failed}


@dataclass(frozen=True, slots=True)
class Sheet:
    """All scores of one benchmark under one condition.

    ``clusters`` numbers the cluster of each item. ``scores[run]`` has one value an item in 0..1, NaN where unscored or
    not asked; ``refusals[run]`` has a code of ``REFUSALS`` or ``UNKNOWN``.
    """

    card: Card
    condition: str
    protocol: str
    items: tuple[str, ...]
    clusters: NDArray[np.int64]
    scores: Mapping[Run, Floats]
    refusals: Mapping[Run, NDArray[np.int8]]
    denominators: Mapping[Run, Denominators]

    def seeds(self, arm: str) -> tuple[int, ...]:
        return tuple(sorted(seed for a, seed in self.scores if a == arm))

    def level(self, arm: str) -> float | None:
        """Mean over seeds of the mean graded score; ``None`` if any seed has nothing graded."""
        means = [self.scores[arm, seed] for seed in self.seeds(arm)]
        if not means or any(np.isnan(scores).all() for scores in means):
            return None
        return float(np.mean([np.nanmean(scores) for scores in means]))

    def counted(self, arm: str) -> Denominators:
        """Denominators of an arm, all its seeds together."""
        return sum((self.denominators[arm, seed] for seed in self.seeds(arm)), Denominators())


def lay_out(scores: pl.DataFrame, cards: Sequence[Card]) -> list[Sheet]:
    """One sheet for each benchmark and condition, in the order of ``cards``, then of the condition's name.

    Raises ``DataError`` for a missing column, a benchmark without card, a score outside 0..1 or without its reason, an
    item scored twice by one run, and rows of one benchmark and condition with more than one protocol hash.
    """
    missing = [column for column in REQUIRED if column not in scores.columns]
    if missing:
        raise DataError(f"scores lack the columns {missing}; they need {list(REQUIRED)}")
    by_name = {card.name: card for card in cards}
    if len(by_name) != len(cards):
        raise DataError("two benchmark cards have the same name")
    rows = scores.select(REQUIRED).with_columns(
        pl.col("seed").fill_null(NO_SEED).cast(pl.Int64),
        pl.col("score").cast(pl.Float64),
        pl.col("unscored", "refusal", "cluster").cast(pl.String),
    )
    unknown = sorted(set(rows["benchmark"].unique()) - set(by_name))
    if unknown:
        raise DataError(f"scores of benchmarks without a card: {unknown}; known are {sorted(by_name)}")
    _check_scores(rows)
    _check_protocols(rows)
    parts = rows.partition_by("benchmark", "condition", as_dict=True)
    order = {name: place for place, name in enumerate(by_name)}
    keys = sorted(parts, key=lambda key: (order[str(key[0])], str(key[1])))
    return [_sheet(by_name[str(name)], str(condition), parts[name, condition]) for name, condition in keys]


def _check_scores(rows: pl.DataFrame) -> None:
    outside = rows.filter(pl.col("score").is_not_null() & ~pl.col("score").is_between(0.0, 1.0))
    if outside.height:
        raise DataError(f"a score lies in 0..1 or is null; {_where(outside)} has {outside['score'][0]}")
    both = rows.filter(pl.col("score").is_null() == pl.col("unscored").is_null())
    if both.height:
        raise DataError(f"a row has a score or a reason, not both or neither: {_where(both)}")
    refusals = rows.filter(pl.col("refusal").is_not_null() & ~pl.col("refusal").is_in(list(REFUSALS)))
    if refusals.height:
        raise DataError(
            f"refusal is one of {list(REFUSALS)} or null; {_where(refusals)} has {refusals['refusal'][0]!r}"
        )
    key = ["arm", "seed", "benchmark", "condition", "item"]
    twice = rows.group_by(key).len().filter(pl.col("len") > 1)
    if twice.height:
        raise DataError(f"an item is scored more than once by one run: {_where(twice)}")


def _check_protocols(rows: pl.DataFrame) -> None:
    mixed = (
        rows.group_by("benchmark", "condition")
        .agg(pl.col("protocol").unique().sort().alias("hashes"))
        .filter(pl.col("hashes").list.len() > 1)
        .sort("benchmark", "condition")
    )
    if not mixed.height:
        return
    first = mixed.row(0, named=True)
    of_first = rows.filter((pl.col("benchmark") == first["benchmark"]) & (pl.col("condition") == first["condition"]))
    owners = of_first.group_by("protocol").agg(pl.col("arm").unique().sort()).sort("protocol").rows()
    raise DataError(
        f"{first['benchmark']} ({first['condition']}) was scored under {len(first['hashes'])} protocols, and rows of "
        f"different protocols are never compared: {dict(owners)}. Score these arms again with one protocol. "
        f"({mixed.height} benchmark-condition pairs are affected.)"
    )


def _where(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return ", ".join(f"{key} {first[key]!r}" for key in ("arm", "seed", "benchmark", "condition", "item"))


def _sheet(card: Card, condition: str, part: pl.DataFrame) -> Sheet:
    items, item_codes = np.unique(part["item"].to_numpy(), return_inverse=True)
    named = part.select(
        pl.when(pl.col("cluster").is_null()).then("item:" + pl.col("item")).otherwise("cluster:" + pl.col("cluster"))
    )
    cluster_of_row = np.unique(named.to_series().to_numpy(), return_inverse=True)[1]
    clusters_I = np.empty(len(items), dtype=np.int64)
    clusters_I[item_codes] = cluster_of_row
    if (clusters_I[item_codes] != cluster_of_row).any():
        raise DataError(f"{card.name} ({condition}): an item has different clusters in different runs")
    score = part["score"].to_numpy()
    refusal = part["refusal"].replace_strict(REFUSALS, default=UNKNOWN, return_dtype=pl.Int8).to_numpy()
    cut = part["unscored"].is_in(_NOT_ANSWERED).fill_null(False).to_numpy()
    runs = list(zip(part["arm"].to_list(), part["seed"].to_list(), strict=True))
    names = sorted(set(runs))
    number = {run: place for place, run in enumerate(names)}
    run_codes = np.array([number[run] for run in runs])
    scores: dict[Run, Floats] = {}
    refusals: dict[Run, NDArray[np.int8]] = {}
    denominators: dict[Run, Denominators] = {}
    for run, place in number.items():
        mine = run_codes == place
        values = np.full(len(items), np.nan)
        values[item_codes[mine]] = score[mine]
        codes = np.full(len(items), UNKNOWN, dtype=np.int8)
        codes[item_codes[mine]] = refusal[mine]
        scores[run], refusals[run] = values, codes
        asked, answered, graded = int(mine.sum()), int((~cut[mine]).sum()), int(np.isfinite(score[mine]).sum())
        denominators[run] = Denominators(asked, answered, graded, answered - graded)
    protocol = str(part["protocol"][0])
    return Sheet(card, condition, protocol, tuple(items.tolist()), clusters_I, scores, refusals, denominators)


def unscored_reasons(scores: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows arm, condition, reason, count: why answers have no score, most frequent first."""
    return (
        scores.filter(pl.col("unscored").is_not_null())
        .group_by("arm", "condition", pl.col("unscored").alias("reason"))
        .agg(pl.len().alias("count"))
        .sort(["count", "arm", "condition", "reason"], descending=[True, False, False, False])
        .to_dicts()
    )
