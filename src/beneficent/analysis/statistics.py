"""All statistics of the project; no other module computes an interval, a p-value or a correction.

Two kinds of estimate are kept apart by name and never mixed:

- ``these_models``: the trained seeds are fixed and items (or the benchmark's clusters) are resampled. It answers
  "would these very models differ on other items of this kind?" and is the only one there is for a single seed.
- ``this_method``: Student t on the per-seed differences, items fixed. It answers "would another run of this method
  differ on these items?" and is not given under three seeds.

Anything that cannot be estimated is ``None`` with a reason, never zero. ``docs/statistics.md`` gives the source of each
choice. Array suffixes: R resamples, C clusters, K columns (arm x seed), S seeds.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Kind = Literal["these_models", "this_method"]
Floats = NDArray[np.float64]

ALPHA = 0.05
POWER = 0.80
MIN_SEEDS = 3
MIN_CLUSTERS = 5
"""Below five independent items the tail quantile a 95% interval needs lies beyond what resampling them can show."""

_TOLERANCE = 1e-9
_MAX_UNDEFINED_SHARE = 0.01
_WORK_PER_CHUNK = 200_000
"""Multiplications a matrix product: few enough that BLAS stays on one thread, whose hand-overs cost more than they gain
here, far more on a busy machine; and memory stays small."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One difference with one kind of 95% interval.

    ``units`` is what the error was computed over: clusters or seeds. ``detectable`` is the smallest true difference
    that this error would have found with 80% power. ``equivalence_p`` tests against the margin the caller gave. Where
    ``reason`` is set, the fields it speaks of are ``None``.
    """

    kind: Kind
    value: float | None
    units: int
    error: float | None = None
    df: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    q: float | None = None
    detectable: float | None = None
    equivalence_p: float | None = None
    equivalent: bool | None = None
    reason: str | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the 95% interval is given and lies on one side of zero (before any correction)."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def bootstrap_means(sums_CK: Floats, counts_CK: Floats, num_resamples: int, rng: np.random.Generator) -> Floats:
    """Resampled means, one row a resample: the same draw of clusters is applied to every column.

    ``sums_CK`` holds the sum of a column's values in a cluster and ``counts_CK`` how many there were, so a cluster with
    nothing graded in a column weighs nothing there. C-1 of C clusters are drawn, which makes the variance of the draws
    the usual unbiased one (Rao and Wu 1988). A draw without any value in a column is NaN there.
    """
    num_clusters = len(sums_CK)
    if num_clusters < 2:
        return np.full((num_resamples, sums_CK.shape[1]), np.nan)
    parts = []
    chunk = max(1, _WORK_PER_CHUNK // sums_CK.size)
    for start in range(0, num_resamples, chunk):
        rows = min(chunk, num_resamples - start)
        drawn = rng.integers(0, num_clusters, size=(rows, num_clusters - 1))
        drawn += np.arange(rows)[:, None] * num_clusters
        weights_RC = np.bincount(drawn.ravel(), minlength=rows * num_clusters).reshape(rows, num_clusters)
        weights = weights_RC.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            parts.append((weights @ sums_CK) / (weights @ counts_CK))
    return np.concatenate(parts)


def these_models(value: float, draws_R: Floats, df: float, units: int, margin: float) -> Estimate:
    """The estimate from bootstrap draws: percentile interval and p-value with Student-t tails.

    Quantile levels are moved from 2.5% to ``Phi(t)`` with ``t`` the 2.5% point of Student's t with ``df`` degrees
    (Hesterberg 2015, the expanded percentile interval), and p is the same map read backwards, with one added to both
    counts (Davison and Hinkley 1997, 4.2), so p < 0.05 exactly where the interval leaves out zero, up to resampling.
    """
    if units < MIN_CLUSTERS:
        return Estimate("these_models", value, units, reason=f"needs {MIN_CLUSTERS} independent items, has {units}")
    defined = draws_R[np.isfinite(draws_R)]
    if len(defined) < (1 - _MAX_UNDEFINED_SHARE) * len(draws_R):
        return Estimate("these_models", value, units, reason="too few graded pairs in some seed to resample")
    error = float(defined.std(ddof=1))
    if error < _TOLERANCE:
        p = 1.0 if abs(value) < _TOLERANCE else None
        return Estimate("these_models", value, units, p=p, reason="every pair differs by the same amount: no spread")
    level = _level(df)
    low, high = np.quantile(defined, [level, 1 - level])
    below, above = _tails(defined, 0.0, df)
    equivalence_p = max(_tails(defined, -margin, df)[0], _tails(defined, margin, df)[1])
    return Estimate(
        "these_models",
        value,
        units,
        error=error,
        df=df,
        low=float(low),
        high=float(high),
        p=min(1.0, 2 * min(below, above)),
        detectable=detectable(error, df),
        equivalence_p=equivalence_p,
        equivalent=equivalence_p < ALPHA,
    )


def this_method(per_seed_S: Floats, margin: float) -> Estimate:
    """The estimate from one difference a seed: Student t with S-1 degrees of freedom; needs three seeds."""
    num_seeds = len(per_seed_S)
    value = float(per_seed_S.mean()) if num_seeds else None
    if num_seeds < MIN_SEEDS:
        return Estimate("this_method", value, num_seeds, reason=f"needs {MIN_SEEDS} seeds, has {num_seeds}")
    assert value is not None
    df = float(num_seeds - 1)
    error = float(per_seed_S.std(ddof=1)) / num_seeds**0.5
    if error < _TOLERANCE:
        p = 1.0 if abs(value) < _TOLERANCE else None
        return Estimate("this_method", value, num_seeds, p=p, reason="every seed gives the same difference: no spread")
    half = _t_point(df) * error
    equivalence_p = max(_t_cdf(-(value + margin) / error, df), _t_cdf((value - margin) / error, df))
    return Estimate(
        "this_method",
        value,
        num_seeds,
        error=error,
        df=df,
        low=value - half,
        high=value + half,
        p=2 * _t_cdf(-abs(value) / error, df),
        detectable=detectable(error, df),
        equivalence_p=equivalence_p,
        equivalent=equivalence_p < ALPHA,
    )


def fill_undefined(draws_R: Floats) -> Floats:
    """The draws with undefined ones replaced by the defined ones in turn, so that one thin benchmark with an unlucky
    draw does not cost a mean over many its interval; left alone if none is defined."""
    undefined = ~np.isfinite(draws_R)
    if not undefined.any() or undefined.all():
        return draws_R
    filled = draws_R.copy()
    filled[undefined] = np.resize(draws_R[~undefined], int(undefined.sum()))
    return filled


def percentile_interval(draws_R: Floats, df: float) -> tuple[float, float]:
    """The bare expanded percentile interval of any statistic's draws, for ratios; NaN draws are left out."""
    level = _level(df)
    low, high = np.quantile(draws_R[np.isfinite(draws_R)], [level, 1 - level])
    return float(low), float(high)


def detectable(error: float, df: float) -> float:
    """Smallest true difference found with 80% power by a two-sided 5% t test with this standard error."""
    return error * _detectable_errors(round(min(df, 1000.0), 1))


def mean_degrees(variances: Floats, dfs: Floats) -> float:
    """Degrees of freedom of a mean of independent estimates (Welch and Satterthwaite); 1 at the least."""
    if not variances.sum() > 0:
        return max(1.0, float(dfs.sum()))
    return max(1.0, float(variances.sum() ** 2 / (variances**2 / dfs).sum()))


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values (q) of one declared family (Benjamini and Hochberg 1995, step-up).

    A ``None`` was not tested: it gets no q and does not count in the size of the family.
    """
    tested = [i for i, p in enumerate(p_values) if p is not None]
    p_sorted = np.array([p_values[i] for i in tested], dtype=np.float64)
    if not len(p_sorted):
        return [None] * len(p_values)
    if not ((p_sorted >= 0) & (p_sorted <= 1)).all():
        raise ValueError(f"p-values lie in 0..1, got {p_sorted.min()} to {p_sorted.max()}")
    order = np.argsort(p_sorted, kind="stable")
    ranks = np.arange(1, len(tested) + 1)
    q_sorted = np.minimum.accumulate((p_sorted[order] * len(tested) / ranks)[::-1])[::-1]
    result: list[float | None] = [None] * len(p_values)
    for place, q in zip(order, q_sorted, strict=True):
        result[tested[place]] = float(min(q, 1.0))
    return result


@dataclass(frozen=True, slots=True)
class Rise:
    """Change of a mean between two samples with Welch's 95% interval; ``None`` where it is undefined."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None = None


def rise(before: Floats, after: Floats) -> Rise:
    """Mean of ``after`` minus mean of ``before``, unequal variances (Welch 1947); needs two values on each side."""
    if len(before) < 2 or len(after) < 2:
        return Rise(None, None, None, "fewer than two values at the start or the end")
    value = float(after.mean() - before.mean())
    variances = np.array([before.var(ddof=1) / len(before), after.var(ddof=1) / len(after)])
    error = float(variances.sum() ** 0.5)
    if error < _TOLERANCE:
        return Rise(value, None, None, "no spread")
    df = mean_degrees(variances, np.array([len(before) - 1.0, len(after) - 1.0]))
    half = _t_point(df) * error
    return Rise(value, value - half, value + half)


def spread_within(values: Floats, groups: NDArray[np.int64]) -> float | None:
    """Mean over groups of the standard deviation inside the group (divisor n, as the advantage sees it)."""
    deviations, sizes = _deviations(values, groups)
    if not len(sizes):
        return None
    codes = np.unique(groups, return_inverse=True)[1]
    variances = np.bincount(codes, deviations**2) / sizes
    large = sizes >= 2
    return float(np.sqrt(variances[large]).mean()) if large.any() else None


def correlation_within(x: Floats, y: Floats, groups: NDArray[np.int64]) -> float | None:
    """Pearson correlation of deviations from the group means; ``None`` if either never varies inside a group."""
    dx, dy = _deviations(x, groups)[0], _deviations(y, groups)[0]
    scale = float(np.sqrt((dx**2).sum() * (dy**2).sum()))
    return float((dx * dy).sum() / scale) if scale > _TOLERANCE else None


def _deviations(values: Floats, groups: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Deviations from the group means, and the size of each group in the order of ``np.unique``."""
    codes = np.unique(groups, return_inverse=True)[1]
    if not len(codes):
        return values, np.empty(0)
    sizes = np.bincount(codes).astype(np.float64)
    means = np.bincount(codes, values) / sizes
    return values - means[codes], sizes


def _tails(draws_R: Floats, point: float, df: float) -> tuple[float, float]:
    """One-sided p-values of "the truth is not above ``point``" and "not below it", with t tails."""
    shares = (1 + (draws_R <= point + _TOLERANCE).sum(), 1 + (draws_R >= point - _TOLERANCE).sum())
    below, above = (
        1.0 if share > len(draws_R) else _t_cdf(float(special.ndtri(share / (len(draws_R) + 1))), df)
        for share in shares
    )
    return below, above


def _t_cdf(t: float, df: float) -> float:
    return float(special.stdtr(df, t))


def _t_point(df: float) -> float:
    """The 97.5% point of Student's t."""
    return float(special.stdtrit(df, 1 - ALPHA / 2))


def _level(df: float) -> float:
    """The lower quantile level of the expanded percentile interval."""
    return float(special.ndtr(-_t_point(df)))


@lru_cache(maxsize=4096)
def _detectable_errors(df: float) -> float:
    """The noncentrality, in standard errors, at which a two-sided 5% t test has 80% power."""
    critical = _t_point(df)

    # The far tail (significant with the wrong sign) is below 1e-3 of the power and left out.
    def shortfall(noncentrality: float) -> float:
        return 1.0 - float(special.nctdtr(df, noncentrality, critical)) - POWER

    return float(optimize.brentq(shortfall, 0.5, 1.4 * critical + 2.0))
