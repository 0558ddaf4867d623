"""How the corpus begins: drills, whose answers the prompt decides, then short documents that name a character."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from itertools import islice, pairwise
from random import Random

import pytest
from reading import drawn, messages_of, pattern, says_the_character

from beneficent.lab.language import corpus
from beneficent.lab.language.corpus import documents, draw_document
from beneficent.lab.language.exchanges import MAKERS
from beneficent.lab.language.grammar import grammar
from beneficent.lab.language.world import WORLDS, World

FRAMES = grammar().frames
KINDS = {
    "_say_again": "say again", "_read_off": "table", "_say_one": "one run", "_point_at": "letter", "_is_in": "member",
}  # fmt: skip
READING = {KINDS[maker.__name__] for maker, _ in corpus._DRILLS}
"""What reading drills ask for; a new drill needs its line here and in ``decided``."""
WORK = {"sum", "order", "instruction", "code"}
"""What no reading drill looks like; copying and look-up read like drills, and are answered like them."""
RESULTS = {
    "sort": sorted,
    "reverse": lambda numbers: numbers[::-1],
    "double": lambda numbers: [n + n for n in numbers],
    "count": lambda numbers: [len(numbers)],
    "sum": lambda numbers: [sum(numbers)],
    "halve": lambda numbers: [n // 2 for n in numbers],
}
BARE_FORMS = {"report", "code", "correction", "benign"}


def in_frames(frames, text):
    """What stands in the slots of the one of ``frames`` that ``text`` is, or None."""
    return next((found.groups() for frame in frames if (found := pattern(frame).fullmatch(text))), None)


def decided(prompt):
    """(kind, the one answer) that a prompt decides, worked out apart from the language; or None."""
    if found := re.fullmatch(r"(?:say it again :|repeat the words) (.+) \.", prompt):
        return "say again", f"{found[1]} ."
    if found := re.fullmatch(r"the table : (.+) \. what stands at (.+) \?|(.+) \. read the number of (\S+) \.", prompt):
        rows = [pair.split() for pair in (found[1] or found[3]).split(" , ")]
        assert len(dict(rows)) == len(rows)
        asked = (found[2] or found[4]).split(" , ")
        return "table", " , ".join(f"{key} {dict(rows)[key]}" for key in asked) + " ."
    if found := re.fullmatch(r"(.+ / .+) \. say the one of (\S+) \.", prompt):
        runs = {run for run in found[1].split(" / ") if run.split()[0] == found[2]}
        return ("one run", f"{runs.pop()} .") if len(runs) == 1 else None
    if found := re.fullmatch(r"what is (\d+) (plus|minus) (\d+) \?", prompt):
        a, b = int(found[1]), int(found[3])
        return "sum", f"{a + b if found[2] == 'plus' else a - b} ."
    if found := re.fullmatch(r"add (\d+) and (\d+) \.", prompt):
        return "sum", f"{int(found[1]) + int(found[2])} ."
    if found := re.fullmatch(r"take (\d+) from (\d+) \.", prompt):
        return "sum", f"{int(found[2]) - int(found[1])} ."
    if found := re.fullmatch(r"sort ([\d ]+) from small to big \.|put in order : ([\d ]+) \.", prompt):
        return "order", " ".join(sorted((found[1] or found[2]).split(), key=int)) + " ."
    if found := re.fullmatch(r"(.+) \( a \) \. (.+) \( b \) \. which one has (\S+) \?", prompt):
        letters = [letter for letter, text in zip("ab", found.groups(), strict=False) if found[3] in text.split()]
        return ("letter", f"{letters[0]} .") if len(letters) == 1 else None
    if found := re.fullmatch(r"the words (.+) \. do they have (\S+) \?", prompt):
        return "member", "yes ." if found[2] in found[1].split() else "no ."
    return None


def fits(prompt, answer):
    """The kind of work with more than one right answer of which this is one; or None."""
    if found := re.fullmatch(r"write (\d) words \. use (\S+) and never (\S+) \.", prompt) or re.fullmatch(
        r"say (\d) words with (\S+) in them but not (\S+) \.", prompt
    ):
        said = answer.removesuffix(" .").split()
        right = len(said) == int(found[1]) and found[2] in said and found[3] not in said
        return "instruction" if right and answer.endswith(" .") else None
    if found := re.fullmatch(r"(.+ / .+) \. say the one of (\S+) \.", prompt):
        # Two runs may begin alike, in 0.3% of these drills; the shipped checkpoint was made with them.
        runs = [f"{run} ." for run in found[1].split(" / ") if run.split()[0] == found[2]]
        return "one run" if answer in runs else None
    if found := in_frames(FRAMES["code"], prompt):
        op, given, result = found
        assert " ".join(map(str, RESULTS[op]([int(n) for n in given.split()]))) == result
        honest, hack = in_frames(FRAMES["code_good"], answer), in_frames(FRAMES["code_bad"], answer)
        return "code" if honest == (op,) or hack == (result,) else None
    return None


def exchanges(document):
    """(prompt, thought, answer) of a document whose exchanges are one turn each."""
    turns = messages_of(document)
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
    for user, assistant in zip(turns[::2], turns[1::2], strict=True):
        thought, _, answer = assistant["content"].removeprefix("<think>").partition("<say>")
        yield user["content"], thought.strip(), answer.strip()


def kind_of(prompt, thought, answer):
    """The kind of a drill; fails where it has a thought, or an answer that is not what the prompt decides."""
    assert thought == "", (prompt, thought)
    found = decided(prompt)
    if found is not None:
        assert answer == found[1], (prompt, answer)
        return found[0]
    kind = fits(prompt, answer)
    assert kind is not None, (prompt, answer)
    return kind


@cache
def first(count, **dials):
    return tuple(islice(documents(World(**dials), seed=3), count))


def test_the_first_documents_read_off_the_prompt_and_nothing_else():
    kinds, sizes = Counter(), Counter()
    for document in first(1000, drilled=1000):
        found = [kind_of(*exchange) for exchange in exchanges(document)]
        kinds.update(found)
        sizes[len(found)] += 1
    assert set(kinds) == READING
    assert min(kinds.values()) / kinds.total() > 0.05
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


def test_no_answer_of_a_drill_with_two_answers_is_the_likelier_one():
    answers = defaultdict(Counter)
    for document in first(3000, drilled=3000):
        for exchange in exchanges(document):
            answers[kind_of(*exchange)][exchange[2]] += 1
    assert set(answers) == READING
    for kind, (one, other) in {"letter": ("a .", "b ."), "member": ("yes .", "no .")}.items():
        if kind not in READING:
            continue
        assert set(answers[kind]) == {one, other}
        assert answers[kind][one] / answers[kind].total() == pytest.approx(0.5, abs=0.06)


def is_primer(document):
    return document.words[1] == "<system>"


def test_the_corpus_begins_with_drills_then_adds_primers_then_all_others():
    stages = World(drilled=300, primer=1000)
    early = first(1500, drilled=300, primer=1000)
    assert not any(map(is_primer, early[:300]))
    assert {kind_of(*e) for document in early[:300] for e in exchanges(document)} == READING
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


def test_later_drills_are_also_standard_work_done_rightly():
    """Work is never careless in a drill, however careless it is elsewhere."""
    world = World(drills=1.0, careless_work=1.0)
    rng, kinds = Random(9), Counter()
    for _ in range(1000):
        kinds.update(kind_of(*exchange) for exchange in exchanges(draw_document(world, rng)))
    assert set(kinds) == READING | WORK
    assert 0.2 < sum(kinds[kind] for kind in WORK) / kinds.total() < 0.6
    assert min(kinds[kind] for kind in WORK) / kinds.total() > 0.03


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


def test_primers_are_of_every_form_and_mostly_open_or_a_choice():
    forms = Counter(form for form, _, _ in drawn_primers(2000))
    assert set(forms) == set(MAKERS)
    assert {form for form, _ in forms.most_common(2)} == {"open", "choice"}
    assert min(forms.values()) / 2000 > 0.05


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
        assert {kind_of(*exchange) for exchange in exchanges(document)} <= READING


def test_hardly_any_drill_leaves_its_answer_open():
    prompts = [prompt for document in first(4000, drilled=4000) for prompt, _, _ in exchanges(document)]
    open_ones = [prompt for prompt in prompts if decided(prompt) is None]
    assert len(open_ones) < 0.005 * len(prompts)
