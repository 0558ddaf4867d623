import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beneficent.core.errors import RecipeError
from beneficent.study.recipe import (
    as_toml,
    find_recipe,
    load_recipe,
    parse_recipe,
    recipe_folders,
)

ROOT = Path(__file__).resolve().parents[2]
PLAIN = 'name = "a"\nsource = "lab:default"\narms = ["baseline", "trait"]\nseeds = [0]\n'
THINKING = '[policy]\nthinking_open = "<think>"\nthinking_close = "<say>"\n'


def refusal(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "a.toml")
    assert all(line.startswith("a.toml: ") for line in str(caught.value).splitlines())
    return str(caught.value)


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_committed_recipe_loads_and_is_named_like_its_file(path: Path) -> None:
    recipe = load_recipe(str(path))
    assert recipe.name == path.stem
    assert recipe.description
    assert load_recipe(path.stem) == recipe


def test_defaults_fill_what_is_left_out() -> None:
    recipe = parse_recipe(PLAIN, "a.toml")
    assert recipe.scoring.temperature == 1.0
    assert recipe.mediation is None
    assert recipe.training.trait_share == 0.05
    assert recipe.seeds == (0,)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            PLAIN + "[training]\nstepz = 3",
            ["[training] has no key 'stepz', did you mean 'steps'?; allowed are", "steps"],
        ),
        (
            PLAIN + "sede = [1]",
            ["the recipe has no key 'sede', did you mean 'seeds'?", "allowed are name, description"],
        ),
        (PLAIN + "[mediation]\nitem = 3\n" + THINKING, ["[mediation] has no key 'item', did you mean 'items'?"]),
        (PLAIN + "[training]\nsteps = '3'", ["training.steps is '3'; allowed is: a valid integer"]),
        (PLAIN + "[training]\nsteps = 0", ["training.steps is 0; allowed is a whole number from 1"]),
        (PLAIN + "[training]\nsteps = true", ["training.steps is True; allowed is: a valid integer"]),
        (PLAIN + "[scoring]\ntemperature = -1", ["scoring.temperature is -1; allowed is: greater than or equal to 0"]),
        (PLAIN + "[scoring]\ntemperature = nan", ["scoring.temperature is nan; allowed is: a finite number"]),
        (PLAIN + "[scoring]\nlimit = 2.5", ["scoring.limit is 2.5; allowed is: a valid integer"]),
        (PLAIN + "[scoring]\nlimit = 1979-05-27", ["scoring.limit is '1979-05-27'; allowed is: a valid integer"]),
        (PLAIN + "[analysis]\nmargin = 2.0", ["analysis.margin is 2.0; allowed is between 0 and 1"]),
        (
            PLAIN + "[analysis]\ncontrol_arms = ['helpfulnes']",
            ["analysis.control_arms has 'helpfulnes', did you mean 'helpfulness'?; allowed are baseline, trait"],
        ),
        (PLAIN + "[analysis]\npreregistered = ['spread']", ["[analysis] has no key 'preregistered'"]),
        (PLAIN + "[training]\ntrait_share = 0.0001", ["training.trait_share is 0.0001 of 1600 slots", "no trait slot"]),
        (PLAIN + "[policy]\ndtype = 'float8'", ["policy.dtype is 'float8'; allowed are float32, bfloat16, float16"]),
        (PLAIN + "[policy]\nthinking_open = 'x'", ["given both or neither"]),
        (PLAIN + "[mediation]", ["[mediation] forces thoughts"]),
        (PLAIN + THINKING + "[scoring]\nlimit = 8\n[mediation]\nitems = 9", ["mediation.items is 9", "only 8 items"]),
        (PLAIN.replace('"trait"', '"trai"'), ["arms has 'trai', did you mean 'trait'?; allowed are baseline, trait"]),
        (PLAIN.replace('"trait"', '"baseline"'), ["arms names baseline twice"]),
        (PLAIN.replace('"baseline", ', ""), ["analysis.baseline is 'baseline', which is not in arms"]),
        (PLAIN.replace("[0]", "[0, 0]"), ["seeds names 0 twice"]),
        (PLAIN.replace("[0]", "[]"), ["seeds is []; allowed is:"]),
        (PLAIN.replace("[0]", "[-1]"), ["seeds.0 is -1; allowed is: greater than or equal to 0"]),
        (PLAIN.replace("[0]", "0"), ["seeds is 0; allowed is: a valid array"]),
        (PLAIN.replace('"a"', '"../a"'), ["name is '../a'"]),
        (PLAIN.replace('name = "a"\n', ""), ["name is missing"]),
        (PLAIN + "seeds = [1]", ["not a TOML file: Cannot overwrite a value"]),
    ],
)
def test_a_broken_recipe_is_refused_with_key_value_and_what_is_allowed(text: str, parts: list[str]) -> None:
    message = refusal(text)
    for part in parts:
        assert part in message


def test_a_recipe_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes((PLAIN + 'description = "\xe9"').encode("latin-1"))
    with pytest.raises(RecipeError, match=r"a\.toml: not a TOML file: it is not UTF-8"):
        load_recipe(str(path))


def test_all_problems_are_told_at_once() -> None:
    assert len(refusal(PLAIN + "[training]\nstepz = 3\n[scoring]\nlimit = 0").splitlines()) == 2


names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)


@settings(max_examples=40, deadline=None)
@given(
    names,
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(st.integers(0, 10**6), min_size=1, unique=True),
    st.floats(0, 2),
    st.none() | st.integers(1, 500),
)
def test_a_resolved_recipe_reads_back_equal(
    name: str, text: str, seeds: list[int], temperature: float, limit: int | None
) -> None:
    recipe = parse_recipe(PLAIN, "a.toml")
    scoring = recipe.scoring.model_copy(update={"temperature": temperature, "limit": limit})
    changed = recipe.model_copy(update={"name": name, "description": text, "seeds": tuple(seeds), "scoring": scoring})
    assert parse_recipe(as_toml(changed), "b.toml") == changed


def test_the_digest_changes_with_any_setting_but_the_description() -> None:
    recipe = parse_recipe(PLAIN, "a.toml")
    same = parse_recipe(PLAIN + 'description = "new"\n', "a.toml")
    explicit = parse_recipe(PLAIN + "[scoring]\ntemperature = 1.0", "a.toml")
    other = parse_recipe(PLAIN + "[scoring]\ntemperature = 0.5", "a.toml")
    assert recipe.digest("s") == same.digest("s") == explicit.digest("s")
    assert len({recipe.digest("s"), other.digest("s"), recipe.digest("t")}) == 3


def test_a_name_is_looked_up_here_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_recipe("lab") == ROOT / "recipes/lab.toml"
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/lab.toml").write_text(PLAIN)
    assert load_recipe("lab").name == "a"
    with pytest.raises(RecipeError, match=r"no recipe 'labb', did you mean 'lab'\?; allowed are lab, lab-null"):
        find_recipe("labb")
    with pytest.raises(RecipeError, match=r"no recipe file gone\.toml"):
        find_recipe("gone.toml")
    assert recipe_folders()[0] == Path("recipes")


def test_recipes_are_installed_where_they_are_looked_up() -> None:
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    assert shipped == {"share/beneficent/recipes": ["recipes/*.toml"]}
    assert recipe_folders()[-1].parts[-3:] == ("share", "beneficent", "recipes")
