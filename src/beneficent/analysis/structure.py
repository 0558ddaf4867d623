"""Structure: do benchmarks rise and fall together over independent models, more than chance would have it?

Models by benchmarks. Two numbers: the mean Spearman correlation over all pairs of benchmarks, and the share of variance
on the first principal component of the ranks. Each stands against a permutation null in which every benchmark's levels
are dealt out anew among the *blocks*: rows of one training run move together, since they are not independent.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from beneficent.analysis.cells import Results, Table
from beneficent.analysis.sheets import START, Sheet
from beneficent.analysis.statistics import Floats
from beneficent.core.errors import DataError

LEAST_BLOCKS = 8
"""Independent blocks under which nothing is computed."""
NUM_PERMUTATIONS = 10_000
_BATCH = 500
_TOLERANCE = 1e-12


def structure(
    levels_MB: Floats,
    blocks: Sequence[str],
    benchmarks: Sequence[str],
    capability_M: Floats | None = None,
    traits: Sequence[str] = (),
    num_permutations: int = NUM_PERMUTATIONS,
    seed: int = 0,
) -> dict[str, Any]:
    """``{"blocks", "models", "benchmarks", "plain", "partial", "traits"}``, JSON-ready.

    ``plain`` and ``partial`` (capability taken out, None without) are {"spearman", "component"}, each {value, low, high
    (2.5% and 97.5% of the null), p (one-sided, of a value as high)}. ``traits`` is [{benchmark, spearman, p}]: each
    trait's benchmark against the mean rank of all others.

    Args:
        levels_MB: mean score of every model (row) on every benchmark, no NaN; (models, benchmarks).
        blocks: the independent run each model belongs to; blocks have the same number of models, in the same order.
        capability_M: mean capability of each model, to be taken out of the ranks.
        traits: benchmarks to be compared with the rest.

    Raises:
        DataError: under eight blocks, blocks of different size, under three benchmarks, or one that never varies.
    """
    names = list(dict.fromkeys(blocks))
    members = np.array([[at for at, own in enumerate(blocks) if own == name] for name in names], dtype=object)
    sizes = {len(own) for own in members}
    if len(names) < LEAST_BLOCKS:
        raise DataError(f"there are {len(names)} independent runs; structure needs at least {LEAST_BLOCKS}")
    if len(sizes) > 1:
        raise DataError(f"runs have different numbers of models ({sorted(sizes)}), so they cannot be exchanged")
    if len(benchmarks) < 3:
        raise DataError(f"there are {len(benchmarks)} benchmarks; structure needs at least 3")
    constant = [name for name, own in zip(benchmarks, levels_MB.T, strict=True) if np.ptp(own) < _TOLERANCE]
    if constant:
        raise DataError(f"all models score the same on {', '.join(constant)}; leave these benchmarks out")
    places_NK = np.array([list(own) for own in members], dtype=np.int64)
    rng = np.random.default_rng(seed)
    ranks = _standardised(_ranks(levels_MB))
    partial = None if capability_M is None else _without(ranks, _standardised(_ranks(capability_M[:, None])))
    return {
        "models": len(blocks),
        "blocks": len(names),
        "benchmarks": len(benchmarks),
        "permutations": num_permutations,
        "plain": _against_null(ranks, places_NK, num_permutations, rng),
        "partial": None if partial is None else _against_null(partial, places_NK, num_permutations, rng),
        "traits": [_trait(ranks, benchmarks, name, places_NK, num_permutations, rng) for name in traits],
    }


def structure_of(sheets: Sequence[Sheet], num_permutations: int = NUM_PERMUTATIONS) -> dict[str, Any]:
    """Structure over the trained policies of one study, each an independent run; ``{"reason": ...}`` if it is refused.

    ``sheets`` are clean ones of all roles. The starting policy is left out: it is no run of anything.
    """
    runs = sorted({run for sheet in sheets for run in sheet.scores if run[0] != START})
    columns: dict[str, dict[str, Floats]] = {"alignment": {}, "trait": {}, "capability": {}}
    for sheet in sheets:
        own = [sheet.scores.get(run) for run in runs]
        if sheet.card.role in columns and all(one is not None and np.isfinite(one).any() for one in own):
            levels = np.array([np.nanmean(one) for one in own if one is not None])
            if np.ptp(levels) >= _TOLERANCE:
                columns[sheet.card.role][sheet.card.name] = levels
    shown = {**columns["alignment"], **columns["trait"]}
    able = list(columns["capability"].values())
    try:
        return structure(
            np.array(list(shown.values())).T.reshape(len(runs), len(shown)),
            [f"{arm}-{seed}" for arm, seed in runs],
            list(shown),
            np.mean(able, axis=0) if able else None,
            list(columns["trait"]),
            num_permutations,
        )
    except DataError as error:
        return {"reason": str(error)}


def structure_table(results: Results) -> Table:
    """Measures and traits beside their nulls; no rows where structure was refused."""
    found = results["structure"]
    columns = ("measure", "value", "95% of the null", "p")
    if "reason" in found:
        return Table("Structure", columns, [])
    names = {"spearman": "mean Spearman of pairs", "component": "share of the first component"}
    parts = {"": found["plain"], ", capability taken out": found["partial"]}
    placed = [(f"{name}{suffix}", own[key]) for suffix, own in parts.items() if own for key, name in names.items()]
    placed += [(f"{own['benchmark']} with the rest", {**own, "value": own["spearman"]}) for own in found["traits"]]
    title = f"Structure: {found['blocks']} independent runs, {found['benchmarks']} benchmarks"
    rows = []
    for name, own in placed:
        rows.append((name, f"{own['value']:.3f}", f"{own['low']:.3f} to {own['high']:.3f}", f"{own['p']:.4f}"))
    return Table(f"{title}, {found['permutations']:,} permutations", columns, rows)


def mean_correlation(columns_MB: Floats) -> float:
    """Mean over pairs of columns of their correlation, for columns of mean 0 and length 1.

    The squared length of the columns' sum is the sum of all correlations, the diagonal among them.
    """
    count = columns_MB.shape[-1]
    total = np.square(columns_MB.sum(axis=-1)).sum(axis=-1)
    found: float = (total - count) / (count * (count - 1))
    return found


def component_share(columns_MB: Floats) -> float:
    """Largest eigenvalue of the correlation matrix over the number of columns, for columns of mean 0 and length 1."""
    gram = columns_MB @ np.swapaxes(columns_MB, -1, -2)
    found: float = np.linalg.eigvalsh(gram)[..., -1] / columns_MB.shape[-1]
    return found


def _ranks(levels_MB: Floats) -> Floats:
    found: Floats = stats.rankdata(levels_MB, axis=0)
    return found


def _standardised(values_MB: Floats) -> Floats:
    """Columns of mean 0 and length 1."""
    centred = values_MB - values_MB.mean(axis=0)
    lengths = np.sqrt(np.square(centred).sum(axis=0))
    found: Floats = centred / np.where(lengths < _TOLERANCE, 1.0, lengths)
    return found


def _without(columns_MB: Floats, other_M1: Floats) -> Floats:
    """The columns with what lies along ``other`` taken out, standardised again."""
    return _standardised(columns_MB - other_M1 @ (other_M1.T @ columns_MB))


def _dealt(
    columns_MB: Floats, places_NK: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(count, models, benchmarks): every column with its blocks dealt out anew, each column by a draw of its own."""
    num_blocks, size = places_NK.shape
    blocked = columns_MB[places_NK]
    order = rng.random((count, num_blocks, columns_MB.shape[1])).argsort(axis=1)
    dealt = np.take_along_axis(blocked[None], order[:, :, None, :].repeat(size, axis=2), axis=1)
    found: NDArray[np.float64] = dealt.reshape(count, num_blocks * size, -1)
    return found


def _against_null(
    columns_MB: Floats, places_NK: NDArray[np.int64], num_permutations: int, rng: np.random.Generator
) -> dict[str, Any]:
    measures: dict[str, Any] = {"spearman": mean_correlation, "component": component_share}
    nulls: dict[str, list[Floats]] = {name: [] for name in measures}
    for start in range(0, num_permutations, _BATCH):
        dealt = _dealt(columns_MB, places_NK, min(_BATCH, num_permutations - start), rng)
        for name, measure in measures.items():
            nulls[name].append(measure(dealt))
    return {name: _placed(measure(columns_MB), np.concatenate(nulls[name])) for name, measure in measures.items()}


def _placed(value: float, null: Floats) -> dict[str, float]:
    """A value beside its null: 95% range and the one-sided p-value of one as high (never zero)."""
    low, high = np.quantile(null, [0.025, 0.975])
    p = (1 + int((null >= value - _TOLERANCE).sum())) / (1 + len(null))
    return {"value": float(value), "low": float(low), "high": float(high), "p": p}


def _trait(
    columns_MB: Floats,
    benchmarks: Sequence[str],
    name: str,
    places_NK: NDArray[np.int64],
    num_permutations: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    at = list(benchmarks).index(name)
    rest = np.delete(columns_MB, at, axis=1).mean(axis=1)
    rest = _standardised(_ranks(rest[:, None]))[:, 0]
    dealt = _dealt(columns_MB[:, [at]], places_NK, num_permutations, rng)[:, :, 0]
    order = places_NK.reshape(-1)
    placed = _placed(float(columns_MB[:, at] @ rest), dealt @ rest[order])
    return {"benchmark": name, "spearman": placed["value"], **{k: placed[k] for k in ("low", "high", "p")}}
