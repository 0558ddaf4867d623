"""The gap between the training rubric and a second grader, on made-up rollouts."""

import numpy as np
import polars as pl
import pytest

from beneficent.analysis.over_optimisation import NUM_BINS, over_optimisation


def rows(arm: str, rubric: float, second: float, seed: int = 0) -> pl.DataFrame:
    """Two hundred steps of eight answers; both graders begin at 0.3 and end at these scores, with common noise."""
    rng = np.random.default_rng(seed)
    step = np.repeat(np.arange(200), 8)
    noise = rng.normal(0, 0.05, len(step))
    rise = step / 199
    return pl.DataFrame(
        {
            "arm": arm, "seed": seed, "kind": "rollout", "step": step, "unscored": None,
            "rubric": 0.3 + (rubric - 0.3) * rise + noise,
            "second": 0.3 + (second - 0.3) * rise + noise + rng.normal(0, 0.02, len(step)),
        }
    )  # fmt: skip


def test_curves_that_part_are_told_from_curves_that_do_not():
    gamed = pl.concat([rows("gamed", 0.9, 0.4, seed) for seed in (0, 1)])
    honest = pl.concat([rows("honest", 0.9, 0.9, seed) for seed in (0, 1)])
    found = over_optimisation(pl.concat([gamed, honest]), ["gamed", "honest", "absent"])
    assert found is not None
    assert set(found) == {"gamed", "honest"}
    # the gap ends at 0.5; between the means of the first and the last fifth it grows by 0.8 of that
    assert found["gamed"]["growth"]["value"] == pytest.approx(0.4, abs=0.01)
    assert found["gamed"]["parted"] is True
    assert found["honest"]["parted"] is False
    assert len(found["gamed"]["curve"]) == NUM_BINS
    first, last = found["gamed"]["curve"][0], found["gamed"]["curve"][-1]
    assert first["low"] <= first["gap"] <= first["high"]
    assert (last["rubric"], last["second"]) == pytest.approx((0.885, 0.39), abs=0.02)


def test_unscored_answers_are_counted_and_left_out():
    own = rows("trait", 0.9, 0.9)
    lost = pl.col("step") % 2 == 0
    own = own.with_columns(second=pl.when(lost).then(None).otherwise("second"))
    found = over_optimisation(own, ["trait"])
    assert found is not None
    assert (found["trait"]["unscored"], found["trait"]["answers"]) == (800, 1600)
    assert found["trait"]["growth"]["value"] == pytest.approx(0.0, abs=0.01)


def test_held_out_answers_stand_beside():
    own = rows("trait", 0.9, 0.9)
    held = own.head(4).with_columns(kind=pl.lit("held-out"), step=None, rubric=pl.lit(0.8), second=pl.lit(0.6))
    found = over_optimisation(pl.concat([own, held], how="diagonal_relaxed"), ["trait"])
    assert found is not None
    assert found["trait"]["held_out"] == pytest.approx({"rubric": 0.8, "second": 0.6})


def test_nothing_regraded_is_no_section():
    assert over_optimisation(None, ["trait"]) is None
    assert over_optimisation(pl.DataFrame(), ["trait"]) is None
