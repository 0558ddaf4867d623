"""Coverage and false discoveries in simulated studies with crossed seed and item effects.

A cell is ``mu + seed effect + item effect + noise``. *These models* aims at mu plus the mean of the effects of the
seeds at hand (items vary); *this method* at mu plus the mean of the effects of the items at hand (seeds vary).
"""

import numpy as np
import pytest

from beneficent.analysis.statistics import benjamini_hochberg, bootstrap_means, these_models, this_method

NUM_ITEMS = 64


def study(rng: np.random.Generator, num_seeds: int, seed_sd: float) -> tuple[np.ndarray, float, float]:
    """Differences of shape (items, seeds) with mu = 0.1, and the two targets."""
    seeds, items = rng.normal(0, seed_sd, num_seeds), rng.normal(0, 0.3, NUM_ITEMS)
    cells = 0.1 + seeds[None, :] + items[:, None] + rng.normal(0, 0.5, (NUM_ITEMS, num_seeds))
    return cells, 0.1 + float(seeds.mean()), 0.1 + float(items.mean())


def binary_study(rng: np.random.Generator, num_seeds: int, seed_sd: float) -> tuple[np.ndarray, float]:
    """Differences of two arms' 0/1 scores on items of varying difficulty, and the target of these models."""
    ease, gain = rng.normal(0, 1, NUM_ITEMS), 0.4 + rng.normal(0, seed_sd, num_seeds)
    chance_base, chance = (1 / (1 + np.exp(-(ease[:, None] + add))) for add in (np.zeros(num_seeds), gain))
    draws = rng.random((2, NUM_ITEMS, num_seeds))
    cells = (draws[0] < chance).astype(float) - (draws[1] < chance_base)
    many = rng.normal(0, 1, 20_000)[:, None]
    target = (1 / (1 + np.exp(-(many + gain))) - 1 / (1 + np.exp(-many))).mean()
    return cells, float(target)


def covers(cells: np.ndarray, target: float, rng: np.random.Generator, num_resamples: int = 1000) -> bool:
    draws = bootstrap_means(cells, np.ones_like(cells), num_resamples, rng).mean(axis=1)
    estimate = these_models(float(cells.mean()), draws, NUM_ITEMS - 1, NUM_ITEMS, 0.05)
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= target <= estimate.high


def coverage(num_seeds: int, seed_sd: float, repeats: int) -> tuple[float, float | None]:
    rng = np.random.default_rng([num_seeds, int(100 * seed_sd)])
    these, method = [], []
    for _ in range(repeats):
        cells, seeds_target, items_target = study(rng, num_seeds, seed_sd)
        these.append(covers(cells, seeds_target, rng))
        estimate = this_method(cells.mean(axis=0), 0.05)
        if estimate.low is not None and estimate.high is not None:
            method.append(estimate.low <= items_target <= estimate.high)
    return float(np.mean(these)), float(np.mean(method)) if method else None


def test_coverage_quickly() -> None:
    these, method = coverage(num_seeds=3, seed_sd=0.2, repeats=400)
    assert these == pytest.approx(0.95, abs=0.035)
    assert method == pytest.approx(0.95, abs=0.035)


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [1, 3, 5, 10])
@pytest.mark.parametrize("seed_sd", [0.0, 0.1, 1.0])
def test_coverage(num_seeds: int, seed_sd: float) -> None:
    these, method = coverage(num_seeds, seed_sd, repeats=3000)
    assert 0.93 <= these <= 0.97
    if num_seeds >= 3:
        assert method is not None
        assert 0.93 <= method <= 0.97
    else:
        assert method is None


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [1, 3])
def test_coverage_with_binary_scores(num_seeds: int) -> None:
    rng = np.random.default_rng(num_seeds)
    hits = [covers(*binary_study(rng, num_seeds, 0.3), rng) for _ in range(2000)]
    assert 0.93 <= np.mean(hits) <= 0.97


def discoveries(rng: np.random.Generator, effects: np.ndarray) -> tuple[int, int]:
    """False and all discoveries at q < 0.05 for these models, one benchmark an effect, 0/1 scores, one seed."""
    p_values = []
    for effect in effects:
        flips = rng.random(NUM_ITEMS)
        cells = np.where(flips < 0.15 + effect, 1.0, np.where(flips > 0.85, -1.0, 0.0))[:, None]
        draws = bootstrap_means(cells, np.ones_like(cells), 5000, rng)[:, 0]
        p_values.append(these_models(float(cells.mean()), draws, NUM_ITEMS - 1, NUM_ITEMS, 0.05).p)
    found = np.array([q is not None and q < 0.05 for q in benjamini_hochberg(p_values)])
    return int((found & (effects == 0)).sum()), int(found.sum())


@pytest.mark.slow
@pytest.mark.parametrize("num_real", [0, 25])
def test_false_discovery_rate(num_real: int) -> None:
    rng = np.random.default_rng(num_real)
    effects = np.zeros(53)
    effects[:num_real] = 0.25
    counts = [discoveries(rng, effects) for _ in range(120)]
    rate = np.mean([false / max(found, 1) for false, found in counts])
    # 120 families: two standard errors of a rate of 5% are 4 points.
    assert rate <= 0.05 + 0.04
    if num_real:
        assert np.mean([found for _, found in counts]) > 10
