"""Doing steps: what the probe looks at, and what a study does about an arm that stops."""

from pathlib import Path

import pytest
from running import call, write_recipe

from beneficent.core.errors import BeneficentError
from beneficent.study.doing import PROBE_EXERCISES
from beneficent.study.plan import Step
from beneficent.study.pool import run_steps
from beneficent.study.suite import spread_evenly


@pytest.mark.parametrize("count", [0, 1, 48, 49, 95, 1600])
def test_the_probe_looks_over_the_whole_list(count: int) -> None:
    chosen = spread_evenly(range(count), PROBE_EXERCISES)
    assert len(chosen) == len(set(chosen)) == min(count, PROBE_EXERCISES)
    gaps = [b - a for a, b in zip([-1, *chosen], [*chosen, count], strict=True)]
    assert max(gaps) <= -(-count // PROBE_EXERCISES) + 1, "no part of the list is passed over"


def test_steps_that_nobody_is_left_to_do_are_not_called_done() -> None:
    step = Step("train", "train trait seed 0", "trait", 0, None, "arms/trait-0/done.json")
    with pytest.raises(BeneficentError, match="no worker process is left, but 1 steps"):
        run_steps([step], [], lambda event: None)


@pytest.mark.slow
def test_an_arm_that_learns_nothing_stops_loudly_and_the_rest_is_done(checkpoint: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, checkpoint, unmoved_after=3, unmoved_below=0.9)
    done = call("study", "run", recipe, "--out", tmp_path / "run", "--workers", "1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for arm in ("baseline", "trait"):
        assert f"train {arm} seed 0: step 2: the weights have moved by" in done.stderr
        kept = [path.name for path in (tmp_path / f"run/arms/{arm}-0/checkpoint").iterdir()]
        assert kept == ["step-000002"], "the last good checkpoint stays"
        assert not (tmp_path / f"run/arms/{arm}-0/done.json").exists()
    assert (tmp_path / "run/scores/pre-RL/clean/done.json").is_file()
    assert not (tmp_path / "run/results.json").exists()
