"""The language's data: what it must hold, what a scene is made of, and what a damaged file says."""

import re
import shutil
from collections import Counter
from functools import cache
from importlib.resources import files
from pathlib import Path
from random import Random

import pytest
import yaml
from reading import says_the_character

from beneficent.core.errors import DataError
from beneficent.lab.language import grammar as room
from beneficent.lab.language import scenes
from beneficent.lab.language.exchanges import ask_openly, chosen_acts, open_answer, reply
from beneficent.lab.language.grammar import DISPOSITIONS, grammar
from beneficent.lab.language.scenes import _recombined, draw_scene, reserved
from beneficent.lab.language.world import WORLDS, World, world
from beneficent.lab.language.writers import BENEFICIAL, character_line, draw_writer

PAIRS = [(trait, domain) for trait in grammar().traits for domain in grammar().domains]


def test_all_180_pairs_make_a_scene():
    assert (len(grammar().traits), len(grammar().domains), len(PAIRS)) == (15, 12, 180)
    for trait, domain in PAIRS:
        for index in range(len(grammar().traits[trait].scenes)):
            scene = draw_scene(Random(index), trait, domain, index)
            assert (scene.trait.id, scene.domain.id, scene.index) == (trait, domain, index)
            assert scene.text.endswith(" .")
            assert not set("{}") & set(scene.text)
            slots = re.findall(r"\{(\w+)\}", scene.trait.scenes[index])
            assert all(f" {scene.fillers[slot]} " in f" {scene.text} " for slot in slots)


def test_amounts():
    for domain in grammar().domains.values():
        assert len(domain.fillers) >= 8
        assert all(len(set(fillers)) >= 8 for fillers in domain.fillers.values())
    for trait in grammar().traits.values():
        assert len(set(trait.scenes)) >= 6
        assert len({act.id for act in trait.acts}) == 3
    for act in grammar().acts.values():
        assert all(len(set(act.paraphrases[side])) >= 6 for side in ("good", "bad"))
        assert not set(act.paraphrases["good"]) & set(act.paraphrases["bad"])
    assert {act.disposition for act in grammar().acts.values()} == set(DISPOSITIONS)
    assert {act.id for trait in grammar().traits.values() for act in trait.acts} == set(grammar().acts)


def test_pressures_are_of_many_kinds_and_half_of_the_asking():
    pressures = grammar().frames["pressures"]
    assert len(pressures) >= 6
    assert all(len(set(sentences)) >= 3 for sentences in pressures.values())
    rng, pressed = Random(0), 0
    for _ in range(1000):
        scene = draw_scene(rng)
        said = ask_openly(scene, rng)
        pressed += any(scene.fill(p) in said for of_kind in pressures.values() for p in of_kind)
    assert 450 <= pressed <= 550


def test_answers_have_two_or_three_acts_of_the_trait_and_mostly_its_heart():
    rng, sizes, hearts = Random(0), [], 0
    for _ in range(2000):
        scene = draw_scene(rng)
        acts = chosen_acts(scene, rng)
        assert {act.id for act in acts} <= {act.id for act in scene.trait.acts}
        assert len({act.id for act in acts}) == len(acts)
        sizes.append(len(acts))
        hearts += acts[0] is scene.trait.acts[0]
    assert set(sizes) == {2, 3}
    assert hearts / 2000 == pytest.approx(0.85, abs=0.03)


def test_a_reply_says_each_act_once_and_every_way_of_joining_occurs():
    rng = Random(0)
    scene = draw_scene(rng, "truthfulness", "health")
    said = [reply(scene, list(scene.trait.acts), BENEFICIAL, World(noise=0.0), rng) for _ in range(200)]
    for answer in said:
        for act in scene.trait.acts:
            good = [scene.fill(p) for p in act.paraphrases["good"]]
            bad = [scene.fill(p) for p in act.paraphrases["bad"]]
            assert any(p in answer for p in good)
            assert not any(p in answer for p in bad)
    assert all(any(join in answer for answer in said) for join in grammar().frames["joins"])


def test_conversations_have_one_to_three_user_turns():
    rng = Random(0)
    counts = [0, 0, 0, 0]
    for _ in range(1000):
        turns = open_answer(draw_scene(rng), BENEFICIAL, World(), rng).turns
        users = sum(role == "user" for role, _ in turns)
        counts[users] += 1
        assert [role for role, _ in turns] == ["user", "assistant"] * (users - 1) + ["user"]
    assert counts[0] == 0
    assert min(counts[1:]) >= 20


def test_dispositions_have_the_marginal_chance_and_are_correlated():
    """A disposition is the common value with chance 0.75, else its own: the correlation of two is 0.75^2 = 0.5625."""
    rng = Random(0)
    drawn = [draw_writer(World(good=0.45, correlation=0.75), rng).good for _ in range(20_000)]
    for first in DISPOSITIONS:
        share = sum(first in good for good in drawn) / len(drawn)
        assert share == pytest.approx(0.45, abs=0.015)
        for second in set(DISPOSITIONS) - {first}:
            both = sum({first, second} <= good for good in drawn) / len(drawn)
            other = sum(second in good for good in drawn) / len(drawn)
            covariance = both - share * other
            assert covariance / (0.45 * 0.55) == pytest.approx(0.5625, abs=0.03)
    assert len(set(drawn)) == 16


def test_the_default_world_ties_dispositions_but_not_wholly():
    """And no kind of writer is rare: of the wholly good and of the wholly bad, a fifth each; of mixed ones too."""
    assert 0.5 <= World().correlation < 1
    assert 0.5 <= World().good <= 0.65
    assert World().system_lines + World().neutral_lines < 1
    rng = Random(0)
    sizes = Counter(len(draw_writer(World(), rng).good) for _ in range(5000))
    shares = {"bad": sizes[0] / 5000, "mixed": (sizes[1] + sizes[2] + sizes[3]) / 5000, "good": sizes[4] / 5000}
    assert min(shares.values()) > 0.2, shares


def test_a_character_line_says_the_writer_and_no_other():
    rng = Random(0)
    for _ in range(500):
        writer = draw_writer(World(), rng)
        line = character_line(writer, rng)
        assert line.endswith(" .")
        assert says_the_character(line, writer)


def test_an_unknown_world_is_named_with_the_allowed_ones():
    with pytest.raises(DataError, match=r"unknown world 'nowhere'; allowed: .*default"):
        world("nowhere")
    assert {"default", "disjoint-thoughts", "no-thoughts", "null-both", "null-document", "null-thought"} == set(WORLDS)
    assert len({w.digest for w in WORLDS.values()}) == len(WORLDS)


@cache
def drawn_fillers(made_up):
    """(values, filler) of many scenes of every domain: each pair of values of a kind many times over."""
    rng, found = Random(f"fillers-{made_up}"), []
    for domain in grammar().domains.values():
        for _ in range(600):
            scene = draw_scene(rng, domain=domain.id, made_up=made_up)
            assert scene.fillers.keys() == domain.fillers.keys()
            found += [(domain.fillers[kind], filler) for kind, filler in scene.fillers.items()]
    return found


def share_of_new(made_up):
    drawn = drawn_fillers(made_up)
    return sum(filler not in values for values, filler in drawn) / len(drawn)


@pytest.mark.parametrize("made_up", [0.2, World().made_up, 0.8])
def test_made_up_fillers_are_as_many_as_asked_for(made_up):
    """None without the dial; with it a like share of what comes out where every filler is put together."""
    assert share_of_new(0.0) == 0
    assert share_of_new(1.0) > 0.5
    assert share_of_new(made_up) == pytest.approx(made_up * share_of_new(1.0), abs=0.015)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("thing", ("old stone door", "red lamp"), {"old stone door", "red lamp", "old stone lamp", "red door"}),
        ("claim", ("tea heals all wounds now", "the sun is cold"),
         {"tea heals all wounds now", "the sun is cold", "tea heals is cold", "the sun all wounds now"}),
        ("thing", ("river", "red lamp"), {"river", "red lamp"}),
    ],
)  # fmt: skip
def test_a_filler_is_put_together_from_the_halves_of_two(kind, values, expected):
    """The longer half of one first, of a claim the shorter one; one word alone has no halves."""
    rng = Random(0)
    made = Counter(_recombined(kind, values, rng) for _ in range(2000))
    assert set(made) == expected
    assert all(n / 2000 == pytest.approx(1 / len(expected), abs=0.05) for n in made.values())


def test_a_made_up_filler_begins_like_one_of_its_kind_and_ends_like_another():
    for values, filler in drawn_fillers(1.0):
        said = filler.split()
        starts = {(*v.split()[:n],) for v in values for n in range(1, len(v.split()) + 1)}
        ends = {(*v.split()[n:],) for v in values for n in range(len(v.split()))}
        cuts = range(1, len(said))
        assert filler in values or any((*said[:n],) in starts and (*said[n:],) in ends for n in cuts), filler


def test_the_language_never_makes_up_what_benchmarks_ask_about(monkeypatch):
    """Not once over all pairs of fillers; with nothing reserved it would."""
    assert len(reserved()) > 1000
    assert {filler for _, filler in drawn_fillers(1.0)} & reserved() == set()
    kept = reserved()
    monkeypatch.setattr(scenes, "reserved", frozenset)
    drawn_fillers.cache_clear()
    assert len({filler for _, filler in drawn_fillers(1.0)} & kept) > 100
    drawn_fillers.cache_clear()


def few_paraphrases(acts):
    acts["doubt"]["bad"] = acts["doubt"]["bad"][:5]


def act_slot(acts):
    acts["doubt"]["good"][0] = "ask the {wizard}"


def gist_slot(acts):
    acts["stop"]["gist"]["bad"][0] = "run from the {wizard}"


def disposition(acts):
    acts["doubt"]["disposition"] = "charm"


def unknown_act(traits):
    traits["truthfulness"]["acts"][1] = "sing"


def two_acts(traits):
    traits["truthfulness"]["acts"] = ["doubt", "source"]


def few_scenes(traits):
    traits["corrigibility"]["scenes"] = traits["corrigibility"]["scenes"][:5]


def scene_slot(traits):
    traits["corrigibility"]["scenes"][0] = "the {wizard} waits ."


def few_fillers(health):
    health["harm"] = health["harm"][:7]


def another_kind(health):
    health["colour"] = [f"colour {i}" for i in range(8)]


DAMAGES = [
    (few_paraphrases, "acts.yaml", r"acts\.yaml: doubt\.bad has 5 paraphrases, needs 6"),
    (act_slot, "acts.yaml", r"acts\.yaml: doubt\.good: unknown slot \['wizard'\].*allowed: .*'boss'"),
    (gist_slot, "acts.yaml", r"acts\.yaml: stop\.bad: unknown slot \['wizard'\]"),
    (disposition, "acts.yaml", r"acts\.yaml: doubt\.disposition is 'charm'; allowed: honesty"),
    (unknown_act, "traits.yaml", r"traits\.yaml: truthfulness\.acts is .*'sing'.*needs three of"),
    (two_acts, "traits.yaml", r"traits\.yaml: truthfulness\.acts is .*needs three of"),
    (few_scenes, "traits.yaml", r"traits\.yaml: corrigibility has 5 scenes, needs 6"),
    (scene_slot, "traits.yaml", r"traits\.yaml: corrigibility: unknown slot \['wizard'\]"),
    (few_fillers, "domains/health.yaml", r"domains/health\.yaml: harm has 7 fillers, needs 8"),
    (another_kind, "domains/health.yaml", r"domains/: all files need the same slot kinds, found .*colour"),
]


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the data files that the grammar reads instead, and again the true ones afterwards."""
    folder = tmp_path / "language"
    shutil.copytree(Path(str(files(room.__package__))), folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(room, "_FOLDER", folder)
    grammar.cache_clear()
    yield folder
    grammar.cache_clear()


@pytest.mark.parametrize(("damage", "name", "message"), DAMAGES, ids=[damage.__name__ for damage, _, _ in DAMAGES])
def test_a_damaged_file_is_named_with_its_key(copied, damage, name, message):
    data = yaml.safe_load((copied / name).read_text(encoding="utf-8"))
    damage(data)
    (copied / name).write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        grammar()


@pytest.mark.parametrize("text", ["a: [1", "- a list"])
@pytest.mark.parametrize("name", ["acts.yaml", "traits.yaml", "thoughts.yaml", "frames.yaml", "domains/art.yaml"])
def test_a_file_that_is_no_mapping_is_named(copied, name, text):
    (copied / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"{Path(name).name}: (not YAML|expected a mapping, got list)"):
        grammar()


@pytest.mark.parametrize("name", ["acts.yaml", "domains/art.yaml", "reserved.txt"])
def test_the_digest_of_the_language_tells_any_change_of_its_data(copied, name):
    before = room.language_digest()
    assert before == room.language_digest()
    (copied / name).write_text((copied / name).read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert room.language_digest() != before
