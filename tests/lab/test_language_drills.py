"""How the corpus begins: drills, whose answers the prompt decides, then short documents that name a character."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from itertools import islice, pairwise
from random import Random

import pytest
from reading import WORK, careless, decided, drawn, judged, messages_of, says_the_character

from beneficent.lab.language import corpus
from beneficent.lab.language.corpus import documents, draw_document
from beneficent.lab.language.exchanges import MAKERS
from beneficent.lab.language.tasks import FAMILIES
from beneficent.lab.language.world import WORLDS, World

KINDS = {"_say_again": "say again", "_read_off": "table", "_say_one": "one run", "_say_lettered": "lettered run"}
READING = {KINDS[maker.__name__]: weight for maker, weight in corpus._DRILLS}
"""What reading drills ask for, and how often; a new drill needs its line here and in ``decided``."""
BARE_FORMS = {"report", "code", "correction", "benign"}


def exchanges(document):
    """(prompt, thought, answer) of a document whose exchanges are one turn each."""
    turns = messages_of(document)
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
    for user, assistant in zip(turns[::2], turns[1::2], strict=True):
        thought, _, answer = assistant["content"].removeprefix("<think>").partition("<say>")
        yield user["content"], thought.strip(), answer.strip()


def kind_of(prompt, thought, answer):
    """The kind of a drill; fails where it has a thought, or an answer neither right nor, of work, a careless one."""
    assert thought == "", (prompt, thought)
    found = judged(prompt, answer)
    assert found is not None, prompt
    kind, right = found
    assert right or (kind in WORK.values() and careless(prompt, answer)), (prompt, answer)
    return kind


def shares(counts):
    return {key: count / counts.total() for key, count in counts.items()}


@cache
def first(count, **dials):
    return tuple(islice(documents(World(**dials), seed=3), count))


def test_the_first_documents_read_off_the_prompt_and_nothing_else():
    kinds, sizes = Counter(), Counter()
    for document in first(1000, drilled=1000):
        found = [kind_of(*exchange) for exchange in exchanges(document)]
        kinds.update(found)
        sizes[len(found)] += 1
    assert shares(kinds) == pytest.approx(READING, abs=0.03)
    assert set(sizes) == {1, 2, 3, 4}


def test_a_drill_says_words_that_nothing_but_the_prompt_foretells():
    """Each word about as often as any other, and after one word nearly always another one."""
    said, after = Counter(), defaultdict(set)
    lengths = set()
    for document in first(3000, drilled=3000):
        for prompt, _, answer in exchanges(document):
            if prompt.startswith("say it again : "):
                words = answer.split()[:-1]
                lengths.add(len(words))
                said.update(words)
                for one, other in pairwise(words):
                    after[one].add(other)
    assert lengths == set(range(4, 15))
    assert len(said) > 800
    assert max(said.values()) / said.total() < 3 / len(said)
    followed = sum(map(len, after.values())) / sum(said.values())
    assert followed > 0.75


def test_values_of_a_table_are_read_and_not_known():
    """A name has another value in the next table, whatever place it stands at."""
    values, places = defaultdict(list), Counter()
    for document in first(3000, drilled=3000):
        for prompt, _, answer in exchanges(document):
            if found := re.fullmatch(r"the table : (.+) \. what stands at .+ \?", prompt):
                names = [pair.split()[0] for pair in found[1].split(" , ")]
                for key, value in (said.split() for said in answer.removesuffix(" .").split(" , ")):
                    places[names.index(key)] += 1
                    values[key].append(value)
    again = [len(set(of)) / len(of) for of in values.values() if len(of) > 1]
    assert len(again) > 100
    assert sum(again) / len(again) > 0.95
    assert set(places) == set(range(6))


def runs_of(prompt):
    """The runs of words of a drill, and which of them is asked for; None where the drill has none."""
    if " / " in prompt:
        text, _, asked = prompt.removesuffix(" .").partition(" . say the one of ")
        runs = text.split(" / ")
    elif " ( a ) . " in prompt:
        text, _, asked = prompt.removesuffix(" .").partition(" ( b ) . say the one of ")
        runs = text.split(" ( a ) . ")
    else:
        return None
    return runs, [run.split()[0] for run in runs].index(asked)


def test_runs_of_a_drill_never_begin_alike_and_no_place_of_them_is_asked_for_more_often():
    """Nor the letter of one, which its place decides."""
    asked, sizes, letters = Counter(), Counter(), Counter()
    for document in first(3000, drilled=3000):
        for prompt, _, answer in exchanges(document):
            if (found := runs_of(prompt)) is None:
                continue
            runs, place = found
            assert len({run.split()[0] for run in runs}) == len(runs), prompt
            sizes.update(len(run.split()) for run in runs)
            if "( a )" in prompt:
                assert len(runs) == 2
                assert answer == f"{runs[place]} ( {'ab'[place]} ) . {'ab'[place]} ."
                letters["ab"[place]] += 1
            else:
                assert answer == f"{runs[place]} ."
                asked[len(runs), place] += 1
    assert set(sizes) == {2, 3, 4, 5}
    assert shares(letters) == pytest.approx({"a": 0.5, "b": 0.5}, abs=0.04)
    assert shares(asked) == pytest.approx({(n, i): 1 / 4 / n for n in (2, 3, 4, 5) for i in range(n)}, abs=0.03)


def is_primer(document):
    return document.words[1] == "<system>"


def test_the_corpus_begins_with_drills_then_adds_primers_then_all_others():
    stages = World(drilled=300, primer=1000)
    early = first(1500, drilled=300, primer=1000)
    assert not any(map(is_primer, early[:300]))
    assert {kind_of(*e) for document in early[:300] for e in exchanges(document)} == set(READING)
    second = early[300:1300]
    primers = [document for document in second if is_primer(document)]
    assert 1 - len(primers) / 1000 == pytest.approx(stages.drills, abs=0.04)
    assert all(document.words.count("<think>") == 1 for document in primers)
    for document in second:
        assert is_primer(document) or all(kind_of(*exchange) for exchange in exchanges(document))
    assert max(document.words.count("<think>") for document in early[1300:]) == 5


@pytest.mark.parametrize("dial", ["drilled", "primer"])
def test_the_stages_end_where_the_dials_say(dial):
    """With no drills or short documents later on, the first document after a stage is of the next one."""
    world = World(**{"drilled": 0, "primer": 0, "drills": 0.0, "short": 0.0, dial: 50})
    early = list(islice(documents(world, seed=8), 250))
    primers = [document.words.count("<think>") == 1 and is_primer(document) for document in early]
    if dial == "primer":
        assert all(primers[:50])
    else:
        assert not any(primers[:50])
        assert all(kind_of(*exchange) for document in early[:50] for exchange in exchanges(document))
    later = [document.words.count("<think>") for document in early[50:]]
    assert {1, 2, 3, 4, 5} == set(later)


def test_without_a_number_a_document_is_one_of_the_corpus_proper():
    rng = Random(4)
    found = [draw_document(World(drills=0.0, short=0.0), rng).words.count("<think>") for _ in range(300)]
    assert set(found) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("dial", [0.0, World().careless_work, 1.0])
def test_later_drills_are_also_standard_work_as_careless_as_the_dial_says(dial):
    """Some of it is right by luck; reading drills are right whatever the dial."""
    world = World(drills=1.0, careless_work=dial)
    rng, kinds, wrong = Random(9), Counter(), Counter()
    for _ in range(1500):
        for exchange in exchanges(draw_document(world, rng)):
            kind = kind_of(*exchange)
            kinds[kind] += 1
            wrong[kind] += not judged(exchange[0], exchange[2])[1]
    work = 0.65
    often = {kind: corpus._OFTEN.get(family, 1) for family, kind in WORK.items()}
    expected = {kind: work * n / sum(often.values()) for kind, n in often.items()}
    expected |= {kind: (1 - work) * weight for kind, weight in READING.items()}
    assert shares(kinds) == pytest.approx(expected, abs=0.03)
    assert sum(wrong[kind] for kind in READING) == 0
    for kind in WORK.values():
        lucky = {"copy": 1 / 16, "sum": 0.02}.get(kind, 0)
        assert wrong[kind] / kinds[kind] == pytest.approx(dial * (1 - lucky), abs=0.09 if 0 < dial < 1 else 0.05), kind
    assert wrong.total() / sum(kinds[kind] for kind in WORK.values()) == pytest.approx(dial, abs=0.04 if dial else 0)


def test_often_names_families():
    """A wrong name there would weigh nothing, and the test above would expect no more."""
    assert set(corpus._OFTEN) <= set(FAMILIES) == set(WORK)
    assert corpus._OFTEN["arithmetic"] > corpus._OFTEN["tests-to-pass"] > 1


def test_the_share_of_drills_is_a_dial():
    """In the corpus proper, without short documents, every exchange has a thought but for those of drills."""
    share = World().drills
    found = 0
    for document in drawn("default", 1500):
        turns = messages_of(document)
        bare = [turn["content"].split()[1] == "<say>" for turn in turns if "<think>" in turn["content"]]
        assert len(set(bare)) == 1
        found += bare[0]
    assert found / 1500 == pytest.approx(share, abs=0.03)


@cache
def drawn_primers(count, **dials):
    """(form, writer, document) of short documents."""
    met = []
    makers = {
        name: (lambda *args, n=name, of=maker: met.append((n, args[1])) or of(*args), share)
        for name, (maker, share) in MAKERS.items()
    }
    world, rng, found = World(short=1.0, drills=0.0, **dials), Random(5), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "MAKERS", makers)
        for _ in range(count):
            met.clear()
            document = draw_document(world, rng)
            ((form, writer),) = met
            found.append((form, writer, document))
    return tuple(found)


def test_primers_are_of_every_form_as_often_as_their_weights_say():
    """Code, yes or no, a choice and an open answer twice as often as the others."""
    forms = Counter(form for form, _, _ in drawn_primers(3000))
    often = {"code": 2, "yes_no": 2, "choice": 2, "open": 2, "report": 1, "correction": 1, "benign": 1, "tool": 1}
    assert set(often) == set(MAKERS)
    assert shares(forms) == pytest.approx({form: n / 12 for form, n in often.items()}, abs=0.025)


def test_half_of_the_primers_without_options_have_no_thought_and_all_others_have_one():
    bare, total = Counter(), Counter()
    for form, _, document in drawn_primers(2000):
        bare[form] += "<think> <say>" in " ".join(document.words)
        total[form] += 1
    for form in total:
        share = 0.5 if form in BARE_FORMS else 0.0
        assert bare[form] / total[form] == pytest.approx(share, abs=0.12 if share else 0), form
    assert sum(bare[f] for f in BARE_FORMS) / sum(total[f] for f in BARE_FORMS) == pytest.approx(0.5, abs=0.05)


def test_a_primer_names_the_character_of_the_writer_who_answers():
    for _, writer, document in drawn_primers(600):
        turns = messages_of(document)
        assert [turn["role"] for turn in turns].count("system") == 1
        line = turns[0]["content"]
        assert says_the_character(line, writer)


def test_in_a_world_without_thoughts_drills_and_primers_have_none():
    world = WORLDS["no-thoughts"]
    rng = Random(6)
    for number in (0, world.drilled):
        for _ in range(100):
            said = " ".join(draw_document(world, rng, number).words)
            assert said.count("<think>") == said.count("<think> <say>") >= 1


@pytest.mark.parametrize("name", WORLDS)
def test_drills_of_every_world_are_decided_by_the_prompt_alone(name):
    for document in islice(documents(replace(WORLDS[name], drilled=500), seed=3), 500):
        assert {kind_of(*exchange) for exchange in exchanges(document)} <= set(READING)


def test_every_drill_is_decided_by_its_prompt():
    """Not one of four thousand documents leaves it open which answer is asked for."""
    prompts = [prompt for document in first(4000, drilled=4000) for prompt, _, _ in exchanges(document)]
    assert [prompt for prompt in prompts if decided(prompt) is None] == []
