from pathlib import Path

import pytest

from beneficent.core.errors import BeneficentError, CorruptFileError
from beneficent.core.files import read_json, write_json
from beneficent.study.folder import note_training, open_folder
from beneficent.study.preregister import preregister, settings_for
from beneficent.study.recipe import parse_recipe

TEXT = 'name = "a"\nsource = "lab:default"\narms = ["baseline", "trait", "health-only"]\nseeds = [0]\n'
RECIPE = parse_recipe(TEXT, "a.toml")


def test_what_is_frozen(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, RECIPE, "s")
    content = preregister(folder, RECIPE, "s")
    asked = {question["id"]: question for question in content["questions"]}
    assert {"installed", "spread", "health-only"} <= set(asked)
    assert not {"helpfulness", "style", "no-health-science", "mediation"} & set(asked)
    assert asked["health-only"]["contrast"] == "health-only - baseline"
    assert asked["spread"]["outcomes"]["the interval lies above 0"] == "trait is better than baseline"
    assert content["digest"] == folder.begun()["digest"]
    assert set(settings_for(folder, RECIPE).preregistered) == set(asked)
    with pytest.raises(BeneficentError, match="is there already"):
        preregister(folder, RECIPE, "s")


def test_the_gate_of_a_control_is_frozen_with_its_numbers(tmp_path: Path) -> None:
    text = TEXT.replace("health-only", "helpfulness") + "[analysis]\nbite_spread = 0.75\n"
    recipe = parse_recipe(text, "a.toml")
    content = preregister(open_folder(tmp_path, recipe, "s"), recipe, "s")
    asked = {question["id"]: question for question in content["questions"]}
    assert "at least 0.75 of the trait reward's" in asked["helpfulness"]["gate"]
    assert "at most 0.3 in absolute value" in asked["helpfulness"]["gate"]
    assert asked["helpfulness"]["contrast"] == "helpfulness - baseline"
    assert "gate" not in asked["spread"]


def test_without_a_preregistration_all_is_exploratory(tmp_path: Path) -> None:
    assert settings_for(open_folder(tmp_path, RECIPE, "s"), RECIPE).preregistered == ()


def test_it_comes_before_training_or_not_at_all(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, RECIPE, "s")
    note_training(folder)
    with pytest.raises(BeneficentError, match="training has begun"):
        preregister(folder, RECIPE, "s")


def test_one_that_is_younger_than_training_or_of_another_recipe_does_not_count(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "a", RECIPE, "s")
    preregister(folder, RECIPE, "s")
    note_training(folder)
    assert settings_for(folder, RECIPE).preregistered
    write_json(folder.path / "run.json", {**folder.begun(), "training_begun": "2000-01-01T00:00:00+00:00"})
    assert settings_for(folder, RECIPE).preregistered == ()
    other = parse_recipe(TEXT.replace("[0]", "[1]"), "b.toml")
    elsewhere = open_folder(tmp_path / "b", other, "s")
    elsewhere.preregistration.write_bytes(folder.preregistration.read_bytes())
    assert settings_for(elsewhere, other).preregistered == ()


def test_a_changed_one_is_refused(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, RECIPE, "s")
    preregister(folder, RECIPE, "s")
    write_json(folder.preregistration, {**read_json(folder.preregistration), "rule": "whatever looks best"})
    with pytest.raises(CorruptFileError, match="was changed since it was written"):
        settings_for(folder, RECIPE)
