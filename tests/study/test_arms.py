from pathlib import Path

import fake_source
import pytest

from beneficent.core.errors import DataError, RecipeError
from beneficent.study.arms import ARMS, Arm
from beneficent.study.exercises import rubric_of, standard_exercises, trait_exercises
from beneficent.study.registry import load_object, load_source

SOURCE = fake_source.FakeSource(Path("nowhere"))


def domains(arm: str) -> set[str | None]:
    exercises = trait_exercises(ARMS[arm], SOURCE)
    assert exercises is not None
    return {exercise.domain for exercise in exercises}


def test_what_fills_the_trait_slots() -> None:
    assert list(ARMS) == ["baseline", "trait", "health-only", "no-health-science", "helpfulness", "style"]
    assert trait_exercises(ARMS["baseline"], SOURCE) is None
    assert domains("trait") == domains("helpfulness") == domains("style") == {"health", "science", "education"}
    assert domains("health-only") == {"health"}
    assert domains("no-health-science") == {"education"}


@pytest.mark.parametrize(("arm", "scores"), [("trait", [1, 0]), ("helpfulness", [0, 1]), ("style", [0, 1])])
def test_arms_reward_the_same_situations_differently(arm: str, scores: list[float]) -> None:
    exercises = trait_exercises(ARMS[arm], SOURCE)
    reference = trait_exercises(ARMS["trait"], SOURCE)
    assert exercises is not None
    assert reference is not None
    assert [e.id for e in exercises] == [e.id for e in reference]
    assert [grade.score for grade in exercises[0].reward(["no .", "yes well ."])] == scores


def test_only_other_rewards_are_graded_by_the_rubric_as_well() -> None:
    rubric = rubric_of(ARMS["style"], SOURCE)
    assert rubric is not None
    assert rubric("train-truthfulness-health-0", "no well .") == 1
    assert rubric("train-truthfulness-health-0", "yes well .") == 0
    assert rubric_of(ARMS["trait"], SOURCE) is None
    assert rubric_of(ARMS["baseline"], SOURCE) is None


def test_a_task_is_rewarded_by_its_verifier() -> None:
    first = standard_exercises(SOURCE)[0]
    assert first.id == "say-0"
    assert [grade.score for grade in first.reward(["0 .", "1 ."])] == [1, 0]


def test_a_filter_that_empties_an_arm_is_an_error() -> None:
    with pytest.raises(DataError, match="'space'; the source has education, health, science"):
        Arm("moon", "", "trait", only_domains=("space",)).situations(SOURCE.situations("train"))
    with pytest.raises(DataError, match="no situations left"):
        Arm("none", "", "trait", without_domains=fake_source.DOMAINS).situations(SOURCE.situations("train"))
    with pytest.raises(DataError, match="needs the grader 'gold'; the source has held-out, helpfulness, style, trait"):
        trait_exercises(Arm("gold", "", "gold"), SOURCE)


def test_sources_by_name() -> None:
    assert load_source("fake_source:load?some/folder").policy_folder() == Path("some/folder")
    for name, part in [
        ("nothing", "source = 'nothing': allowed are"),
        ("no_such_module:load", "there is no module 'no_such_module'"),
        ("fake_source:gone", "module 'fake_source' has no 'gone'"),
        ("a b:load", "allowed are"),
    ]:
        with pytest.raises(RecipeError, match=part):
            load_source(name)


def test_a_source_whose_own_import_fails_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaks_inside.py").write_text("import not_there_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        load_object("breaks_inside:load", "source")
