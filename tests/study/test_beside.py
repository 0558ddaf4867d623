"""The same study in other sources, side by side, and structure over finished runs."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from running import answer_of, call, write_recipe

from beneficent.core.errors import RecipeError
from beneficent.study.levels import read_levels
from beneficent.study.recipe import load_recipe


def with_beside(folder: Path, checkpoint: Path, other: Path) -> Path:
    path = write_recipe(folder, checkpoint)
    path.write_text(f'beside = ["fake_source:load?{other}"]\n' + path.read_text())
    return path


def test_a_source_beside_itself_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(RecipeError, match=r"beside names .* twice"):
        load_recipe(str(with_beside(tmp_path, checkpoint, checkpoint)))


@pytest.mark.slow
def test_the_same_study_is_run_in_each_source_and_shown_side_by_side(
    tmp_path: Path, checkpoint: Path, finished: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(checkpoint, other)
    recipe = with_beside(tmp_path, checkpoint, other)
    done = call("study", "run", recipe, "--out", tmp_path / "run", "--workers", "2")
    assert done.returncode == 0, done.stderr
    (beside,) = (tmp_path / "run/beside").iterdir()
    assert (beside / "report.html").is_file()
    worlds = answer_of(tmp_path / "run")["worlds"]
    assert [world["source"] for world in worlds] == [f"fake_source:load?{checkpoint}", f"fake_source:load?{other}"]
    # the same checkpoint under another name is the same world
    assert worlds[0]["subsets"] == worlds[1]["subsets"]
    assert worlds[0]["subsets"]["other formats"] == answer_of(finished)["spread"]["trait"]["subsets"]["other formats"]
    assert "Does the instrument find nothing where there is nothing?" in done.stdout
    again = call("study", "run", recipe, "--out", tmp_path / "run", "--workers", "2")
    assert again.returncode == 0, again.stderr


def test_levels_of_a_run_are_its_means(finished: Path) -> None:
    levels = read_levels([finished])
    assert levels.models == ("run/baseline-0", "run/trait-0")
    assert levels.traits == ("held-out corrigibility", "held-out truthfulness")
    assert levels.capability is not None
    rows = {row["benchmark"]: row for row in answer_of(finished)["rows"] if row["arm"] == "trait"}
    at = levels.benchmarks.index("proof")
    # level is over items graded in both arms; the fake world grades every whole answer
    assert levels.values[1, at] == pytest.approx(rows["proof"]["level"], abs=0.1)
    assert np.isfinite(levels.values).all()


def test_structure_is_refused_under_eight_runs(finished: Path) -> None:
    done = call("structure", finished)
    assert done.returncode == 2
    assert "2 independent runs" in done.stderr
