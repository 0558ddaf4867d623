from pathlib import Path

import pytest

from beneficent.core.errors import BeneficentError, CorruptFileError, RecipeError
from beneficent.core.files import read_json, write_json
from beneficent.study.environment import describe
from beneficent.study.folder import RunFolder, default_folder, note_environment, note_training, open_folder
from beneficent.study.recipe import parse_recipe

TEXT = 'name = "a"\nsource = "lab:default"\narms = ["baseline", "trait"]\nseeds = [0]\n'
RECIPE = parse_recipe(TEXT, "a.toml")


def test_a_folder_opens_again_for_the_same_recipe(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "run", RECIPE, "s")
    begun = folder.begun()
    again = parse_recipe(TEXT + 'description = "said better"\n', "b.toml")
    assert open_folder(tmp_path / "run", again, "s").begun() == begun
    assert folder.recipe() == RECIPE
    assert default_folder(RECIPE, "s") == Path("runs") / f"a-{begun['digest']}"


def test_a_changed_recipe_is_refused_with_the_differing_keys(tmp_path: Path) -> None:
    open_folder(tmp_path, RECIPE, "s")
    changed = parse_recipe(TEXT.replace("[0]", "[0, 1]") + "[training]\nsteps = 7\n[scoring]\nlimit = 5", "a.toml")
    with pytest.raises(RecipeError) as caught:
        open_folder(tmp_path, changed, "t")
    steps = RECIPE.training.steps
    assert str(caught.value).splitlines()[1:] == [
        "  scoring.limit: 'off' there, 5 now",
        "  seeds: [0] there, [0, 1] now",
        "  source digest: 's' there, 't' now",
        f"  training.steps: {steps} there, 7 now",
    ]


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(BeneficentError, match="is no run folder; choose another with --out"):
        open_folder(tmp_path, RECIPE, "s")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(BeneficentError, match="it has no run"):
        RunFolder(tmp_path).recipe()


def test_a_folder_whose_run_was_killed_in_its_first_moment_is_taken(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("half")
    (tmp_path / ".lock").write_text("1")
    assert open_folder(tmp_path, RECIPE, "s").recipe() == RECIPE


def test_a_changed_or_damaged_file_is_named(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, RECIPE, "s")
    (tmp_path / "recipe.toml").write_text(TEXT)
    with pytest.raises(CorruptFileError, match=r"recipe\.toml was changed since the run was begun"):
        open_folder(tmp_path, RECIPE, "s")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(CorruptFileError, match=r"run\.json is damaged"):
        folder.begun()


def test_every_machine_is_noted_once(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for workers in (1, 1, 2, 1):
        note_environment(folder, {"workers": workers})
    assert [entry["workers"] for entry in read_json(tmp_path / "environment.json")] == [1, 2, 1]


def test_training_begins_once(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, RECIPE, "s")
    note_training(folder)
    write_json(tmp_path / "run.json", {**folder.begun(), "training_begun": "long ago"})
    note_training(folder)
    assert folder.begun()["training_begun"] == "long ago"


def test_the_environment_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    facts = describe(2, ("cpu",))
    text = repr(facts)
    assert facts["packages"]["torch"]
    assert facts["cores"] >= 1
    assert str(Path.home()) not in text
    assert "hunter2" not in text
    import getpass
    import socket

    assert socket.gethostname() not in text
    assert getpass.getuser() not in text or getpass.getuser() == "root"
