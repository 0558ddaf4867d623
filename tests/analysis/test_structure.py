"""Structure: measures by hand, nulls that hold their level, blocks that move together."""

import time

import numpy as np
import pytest

from beneficent.analysis.structure import component_share, mean_correlation, structure
from beneficent.core.errors import DataError


def standardised(values):
    centred = values - values.mean(axis=0)
    return centred / np.sqrt(np.square(centred).sum(axis=0))


def run(levels, blocks=None, **more):
    names = [f"b{n}" for n in range(levels.shape[1])]
    return structure(levels, blocks or [str(n) for n in range(len(levels))], names, **{"num_permutations": 400, **more})


def test_measures_agree_with_numpy():
    values = np.random.default_rng(0).normal(size=(10, 6))
    correlation = np.corrcoef(values, rowvar=False)
    columns = standardised(values)
    assert mean_correlation(columns) == pytest.approx(correlation[np.triu_indices(6, 1)].mean())
    assert component_share(columns) == pytest.approx(np.linalg.eigvalsh(correlation)[-1] / 6)


def test_one_factor_is_found_and_taken_out_with_its_cause():
    rng = np.random.default_rng(1)
    factor = rng.normal(size=(12, 1))
    levels = factor + 0.3 * rng.normal(size=(12, 20))
    found = run(levels, capability_M=factor[:, 0])
    assert found["plain"]["spearman"]["value"] > 0.6
    assert found["plain"]["component"]["p"] < 0.01
    assert found["partial"]["spearman"]["value"] < 0.2
    assert run(levels)["partial"] is None


def test_under_the_null_p_is_small_as_often_as_it_should_be():
    rng = np.random.default_rng(2)
    p = [run(rng.normal(size=(9, 8)), seed=n, num_permutations=200)["plain"]["spearman"]["p"] for n in range(200)]
    # 5% of 200 is 10; three standard deviations are 9.2
    assert sum(value <= 0.05 for value in p) <= 19
    assert 0.35 < np.mean(p) < 0.65


def test_checkpoints_of_one_run_are_not_taken_for_independent_models():
    """Nine runs of four near copies each: free permutation would see structure in what is one draw a run."""
    rng = np.random.default_rng(3)
    runs = rng.normal(size=(9, 10))
    levels = np.repeat(runs, 4, axis=0) + 0.01 * rng.normal(size=(36, 10))
    in_blocks = run(levels, [str(n // 4) for n in range(36)])
    free = run(levels)
    width = {key: own["plain"]["spearman"]["high"] - own["plain"]["spearman"]["low"] for key, own in
             {"blocks": in_blocks, "free": free}.items()}  # fmt: skip
    assert width["blocks"] > 1.5 * width["free"]


def test_a_trait_that_goes_with_the_rest_is_told_from_one_that_does_not():
    rng = np.random.default_rng(4)
    factor = rng.normal(size=(12, 1))
    levels = np.hstack([factor + 0.2 * rng.normal(size=(12, 9)), rng.normal(size=(12, 1))])
    with_rest, alone = run(levels, traits=["b0", "b9"])["traits"]
    assert with_rest["spearman"] > 0.7
    assert with_rest["p"] < 0.02 < alone["p"]


def test_ten_thousand_permutations_take_seconds():
    levels = np.random.default_rng(5).normal(size=(15, 63))
    before = time.process_time()
    run(levels, num_permutations=10_000)
    assert time.process_time() - before < 12


@pytest.mark.parametrize(
    ("levels", "blocks", "said"),
    [
        (np.random.default_rng(0).normal(size=(7, 4)), None, "7 independent runs"),
        (np.random.default_rng(0).normal(size=(9, 4)), list("aabcdefgh"), "different numbers of models"),
        (np.random.default_rng(0).normal(size=(9, 2)), None, "2 benchmarks"),
        (np.hstack([np.ones((9, 1)), np.random.default_rng(0).normal(size=(9, 3))]), None, "the same on b0"),
    ],
)
def test_what_cannot_be_answered_is_refused(levels, blocks, said):
    with pytest.raises(DataError, match=said):
        run(levels, blocks)
