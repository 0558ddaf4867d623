"""Two arms compared on each benchmark, paired by item, and the summary of many benchmarks.

Within one benchmark and seed the difference is the mean of (arm - reference) over the items graded in both; over seeds
it is the plain mean. The mean over benchmarks weighs each benchmark the same. Benchmarks are fixed ("these
benchmarks"): only items are resampled, within each.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beneficent.analysis import statistics
from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.sheets import Denominators, Sheet
from beneficent.analysis.statistics import Estimate, Floats, Kind
from beneficent.benchmarks.types import Card

KINDS: tuple[Kind, ...] = ("these_models", "this_method")
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Row:
    """One arm against the reference on one benchmark; ``reason`` is set where they could not be compared.

    ``level`` and ``reference_level`` are means over the paired items, so they differ by exactly ``difference``.
    ``num_pairs`` counts item-seed pairs graded in both, out of ``num_asked_pairs``. ``draws`` are bootstrap draws of
    the difference and ``df`` their degrees of freedom.
    """

    card: Card
    arm: str
    reference: str
    seeds: tuple[int, ...]
    start_level: float | None
    denominators: Mapping[str, Denominators]
    reason: str | None = None
    difference: float = float("nan")
    level: float = float("nan")
    reference_level: float = float("nan")
    per_seed: Floats | None = None
    draws: Floats | None = None
    df: float = float("nan")
    num_clusters: int = 0
    num_pairs: int = 0
    num_asked_pairs: int = 0
    estimates: Mapping[Kind, Estimate] | None = None

    @property
    def compared(self) -> bool:
        return self.reason is None

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in ``results.json``; see ``analysis.answer``."""
        card = self.card
        own: dict[str, Any] = {
            "benchmark": card.name,
            "arm": self.arm,
            "reference": self.reference,
            "title": card.title,
            "role": card.role,
            "family": card.family,
            "format": card.format,
            "trained_format": card.trained_format,
            "health": card.health,
            "traffic": card.traffic,
            "home_made": card.home_made,
            "falls_when_cautious": card.falls_when_cautious,
            "chance": card.chance,
            "version": card.version,
            "seeds": list(self.seeds),
            "pre_rl": self.start_level,
            "denominators": {arm: counts.as_dict() for arm, counts in self.denominators.items()},
            "compared": self.compared,
            "reason": self.reason,
        }
        if not self.compared or self.estimates is None or self.per_seed is None:
            return own
        return own | {
            "reference_level": self.reference_level,
            "level": self.level,
            "difference": self.difference,
            "per_seed": self.per_seed.tolist(),
            "pairs": self.num_pairs,
            "pairs_asked": self.num_asked_pairs,
            "units": self.num_clusters,
            **{str(kind): estimate.as_dict() for kind, estimate in self.estimates.items()},
        }


def benchmark_rng(settings: AnswerSettings, *names: str) -> np.random.Generator:
    """A generator that depends on the seed and the names only, so the order of benchmarks changes nothing."""
    return np.random.default_rng([settings.seed, zlib.crc32("\0".join(names).encode())])


def cluster_sums(values_XI: Floats, clusters_I: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Sums and counts of the finite values of each cluster: two arrays of shape (clusters with any value, X)."""
    finite = np.isfinite(values_XI)
    num_clusters = int(clusters_I.max()) + 1 if len(clusters_I) else 0
    member_CI = (np.arange(num_clusters)[:, None] == clusters_I[None, :]).astype(np.float64)
    counts_CX = member_CI @ finite.T.astype(np.float64)
    sums_CX = member_CI @ np.where(finite, values_XI, 0.0).T
    used = counts_CX.any(axis=1)
    return sums_CX[used], counts_CX[used]


def compare(
    sheets: Sequence[Sheet], contrasts: Sequence[tuple[str, str]], start: str, settings: AnswerSettings
) -> list[Row]:
    """Every (arm, reference) contrast on every sheet, with both estimates; q-values are added by ``correct``.

    One draw of a sheet's clusters serves all contrasts and seeds.
    """
    return [row for sheet in sheets for row in _compare_sheet(sheet, contrasts, start, settings)]


def _compare_sheet(
    sheet: Sheet, contrasts: Sequence[tuple[str, str]], start: str, settings: AnswerSettings
) -> list[Row]:
    empty = [_empty_row(sheet, arm, reference, start) for arm, reference in contrasts]
    paired = [_pair(sheet, row) for row in empty]
    possible = [(row, pairs_SI) for row, pairs_SI in paired if row.compared]
    if not possible:
        return [row for row, _ in paired]
    stacked_KI = np.concatenate([pairs_SI for _, pairs_SI in possible])
    sums_CK, counts_CK = cluster_sums(stacked_KI, sheet.clusters)
    rng = benchmark_rng(settings, sheet.card.name, sheet.condition)
    draws_RK = statistics.bootstrap_means(sums_CK, counts_CK, settings.num_resamples, rng)
    done: dict[str, Row] = {}
    first = 0
    for row, pairs_SI in possible:
        columns = slice(first, first + len(pairs_SI))
        first = columns.stop
        clusters = int(counts_CK[:, columns].any(axis=1).sum())
        done[row.arm + "\0" + row.reference] = _estimated(row, draws_RK[:, columns].mean(axis=1), clusters, settings)
    return [done.get(row.arm + "\0" + row.reference, row) for row, _ in paired]


def _empty_row(sheet: Sheet, arm: str, reference: str, start: str) -> Row:
    seeds = tuple(sorted(set(sheet.seeds(arm)) & set(sheet.seeds(reference))))
    denominators = {name: sheet.counted(name) for name in (arm, reference, start) if sheet.seeds(name)}
    return Row(sheet.card, arm, reference, seeds, sheet.level(start), denominators)


def _pair(sheet: Sheet, row: Row) -> tuple[Row, Floats]:
    """The row with its levels, and the differences of shape (seeds, items), NaN where not graded in both."""
    if not row.seeds:
        return replace(row, reason=f"{row.arm} and {row.reference} have no seed in common"), np.empty((0, 0))
    arm_SI = np.stack([sheet.scores[row.arm, seed] for seed in row.seeds])
    reference_SI = np.stack([sheet.scores[row.reference, seed] for seed in row.seeds])
    pairs_SI = arm_SI - reference_SI
    graded_SI = np.isfinite(pairs_SI)
    num_asked_pairs = len(row.seeds) * len(sheet.items)
    without = [seed for seed, graded_I in zip(row.seeds, graded_SI, strict=True) if not graded_I.any()]
    if without:
        reason = f"no item graded in both arms for seed {', '.join(map(str, without))}"
        return replace(row, reason=reason, num_asked_pairs=num_asked_pairs), pairs_SI
    per_seed_S = np.nanmean(pairs_SI, axis=1)
    levels = [np.nanmean(np.where(graded_SI, values, np.nan), axis=1).mean() for values in (arm_SI, reference_SI)]
    filled = replace(
        row,
        difference=float(per_seed_S.mean()),
        level=float(levels[0]),
        reference_level=float(levels[1]),
        per_seed=per_seed_S,
        num_pairs=int(graded_SI.sum()),
        num_asked_pairs=num_asked_pairs,
    )
    return filled, pairs_SI


def _estimated(row: Row, draws_R: Floats, num_clusters: int, settings: AnswerSettings) -> Row:
    assert row.per_seed is not None
    df = max(1.0, num_clusters - 1.0)
    estimates: dict[Kind, Estimate] = {
        "these_models": statistics.these_models(row.difference, draws_R, df, num_clusters, settings.margin),
        "this_method": statistics.this_method(row.per_seed, settings.margin),
    }
    return replace(row, draws=draws_R, df=df, num_clusters=num_clusters, estimates=estimates)


def correct(rows: Sequence[Row], family: Callable[[Row], str]) -> list[Row]:
    """The rows with q-values: Benjamini-Hochberg within each family and each kind of estimate apart."""
    corrected = list(rows)
    for name in sorted({family(row) for row in rows}):
        places = [i for i, row in enumerate(rows) if family(row) == name and row.estimates is not None]
        for kind in KINDS:
            estimates = [_estimates(corrected[i])[kind] for i in places]
            for i, q in zip(places, statistics.benjamini_hochberg([e.p for e in estimates]), strict=True):
                own = _estimates(corrected[i])
                corrected[i] = replace(corrected[i], estimates={**own, kind: replace(own[kind], q=q)})
    return corrected


def _estimates(row: Row) -> Mapping[Kind, Estimate]:
    assert row.estimates is not None
    return row.estimates


def summarise(rows: Iterable[Row], settings: AnswerSettings) -> dict[str, Any]:
    """Counts and the mean difference of one contrast over some benchmarks; see ``analysis.answer`` for the keys."""
    rows = list(rows)
    compared = [row for row in rows if row.compared]
    shared = sorted({seed for row in compared for seed in row.seeds})
    signs = [0 if abs(row.difference) < _TIE else (1 if row.difference > 0 else -1) for row in compared]
    return {
        "benchmarks": len(rows),
        "compared": len(compared),
        "ahead": signs.count(1),
        "tied": signs.count(0),
        "behind": signs.count(-1),
        "significant": {kind: _significant(compared, kind, settings) for kind in KINDS},
        "seeds": shared,
        "pre_rl": _mean([row.start_level for row in compared]),
        "reference_level": _mean([row.reference_level for row in compared]),
        "level": _mean([row.level for row in compared]),
        "difference": _mean([row.difference for row in compared]),
        **{kind: estimate.as_dict() for kind, estimate in _mean_estimates(compared, settings).items()},
        "pairs": sum(row.num_pairs for row in rows),
        "pairs_asked": sum(row.num_asked_pairs for row in rows),
    }


def _significant(rows: Sequence[Row], kind: Kind, settings: AnswerSettings) -> dict[str, Any]:
    tested = [(row.difference, _estimates(row)[kind].q) for row in rows if _estimates(row)[kind].q is not None]
    hits = [difference for difference, q in tested if q is not None and q < settings.false_discovery_rate]
    return {
        "tested": len(tested),
        "ahead": sum(difference > 0 for difference in hits),
        "behind": sum(difference < 0 for difference in hits),
        "smallest_q": min((q for _, q in tested if q is not None), default=None),
    }


def _mean_estimates(rows: Sequence[Row], settings: AnswerSettings) -> dict[Kind, Estimate]:
    if not rows:
        return {kind: Estimate(kind, None, 0, reason="no benchmark to compare") for kind in KINDS}
    drawn = [statistics.fill_undefined(row.draws) for row in rows if row.draws is not None]
    draws_R = np.mean(drawn, axis=0)
    value = float(np.mean([row.difference for row in rows]))
    errors = [_estimates(row)["these_models"].error or 0.0 for row in rows]
    df = statistics.mean_degrees(np.square(errors), np.array([row.df for row in rows]))
    units = sum(row.num_clusters for row in rows)
    these = statistics.these_models(value, draws_R, df, units, settings.margin)
    seeds = {row.seeds for row in rows}
    if len(seeds) > 1:
        method = Estimate("this_method", value, 0, reason="the benchmarks were not all scored for the same seeds")
    else:
        per_seed = [row.per_seed for row in rows if row.per_seed is not None]
        method = statistics.this_method(np.mean(per_seed, axis=0), settings.margin)
    return {"these_models": these, "this_method": method}


def _mean(values: Iterable[float | None]) -> float | None:
    """Mean, or ``None`` if there is nothing to average or any part is missing."""
    parts = list(values)
    known = [value for value in parts if value is not None]
    return float(np.mean(known)) if parts and len(known) == len(parts) else None
