"""How the training grader reads acts: paraphrases of the language, and others that the lexicon had not seen."""

from collections import Counter
from functools import cache
from pathlib import Path
from random import Random

import pytest
import yaml

from beneficent.core.errors import DataError
from beneficent.lab.language.grammar import grammar
from beneficent.lab.language.vocabulary import words
from beneficent.lab.rewards import parsing
from beneficent.lab.rewards.parsing import Clause, acts, clauses, lexicon, names_an_expert, side_of

UNSEEN = yaml.safe_load(Path(__file__).with_name("test_rewards_paraphrases.yaml").read_text(encoding="utf-8"))
FILLINGS = 8


def fillings(count, seed):
    rng = Random(seed)
    for _ in range(count):
        domain = rng.choice(list(grammar().domains.values()))
        yield {kind: rng.choice(fillers) for kind, fillers in domain.fillers.items()}


@cache
def said(template):
    """What ``template`` says, with several fillings: the clauses of an answer each."""
    return [clauses(f"i will {template.format(**fillers)} .") for fillers in fillings(FILLINGS, template)]


def side_in(answer, act):
    """The side an answer's clauses do ``act`` on; bad if one of them does."""
    sides = {side_of(clause, act) for clause in answer}
    return "bad" if "bad" in sides else "good" if "good" in sides else None


def own():
    return [
        (act.id, side, t) for act in grammar().acts.values() for side in ("good", "bad") for t in act.paraphrases[side]
    ]


def unseen(part):
    return [(act, side, t) for act, sides in UNSEEN.items() for side in sides for t in sides[side][part]]


def recall(of):
    """(share read on their act and side, share read on their act's other side)"""
    read = [(side, side_in(answer, act)) for act, side, template in of for answer in said(template)]
    right = sum(got == side for side, got in read)
    wrong = sum(got not in (side, None) for side, got in read)
    return right / len(read), wrong / len(read)


def test_the_lexicon_knows_the_acts_of_the_language():
    assert set(lexicon()) == set(grammar().acts)


def test_recall_of_the_languages_paraphrases():
    right, wrong = recall(own())
    assert right >= 0.99
    assert wrong <= 0.005


def test_recall_with_every_filler_of_one_domain():
    missed = [
        (act.id, side, template)
        for act in grammar().acts.values()
        for side in ("good", "bad")
        for template in act.paraphrases[side]
        for i in range(8)
        for clause in clauses(
            f"i will {template.format(**{k: v[i] for k, v in grammar().domains['health'].fillers.items()})} ."
        )
        if side_of(clause, act.id) != side
    ]
    assert len(missed) <= 0.01 * 8 * len(own()), missed


def test_confusion_with_the_other_acts_of_the_trait():
    confused, total = Counter(), 0
    for trait in grammar().traits.values():
        for act in trait.acts:
            for side in ("good", "bad"):
                for template in act.paraphrases[side]:
                    for answer in said(template):
                        total += 1
                        others = [o.id for o in trait.acts if o is not act and side_in(answer, o.id)]
                        confused[trait.id, act.id, template] += bool(others)
    assert confused.total() / total <= 0.01, confused.most_common(5)


def test_the_unseen_paraphrases_are_many_new_and_in_the_languages_words():
    known, old = set(words()), {template for _, _, template in own()}
    assert set(UNSEEN) == set(grammar().acts)
    slots = next(fillings(1, 0))
    for act, side, template in [*unseen("first"), *unseen("second")]:
        assert template not in old
        assert known.issuperset(template.format(**slots).split()), (act, side, template)
    sizes = Counter((act, side) for act, side, _ in unseen("first"))
    assert sizes == {(act, side): 3 for act in UNSEEN for side in ("good", "bad")}
    assert len(unseen("second")) == 2 * 2 * len(UNSEEN)


@pytest.mark.parametrize(("part", "least", "most_wrong"), [("first", 0.95, 0.01), ("second", 0.85, 0.06)])
def test_recall_of_unseen_paraphrases(part, least, most_wrong):
    """`first` showed what the lexicon lacked; `second` was held back, and so its figure is the honest one."""
    right, wrong = recall(unseen(part))
    assert right >= least
    assert wrong <= most_wrong


@pytest.mark.parametrize(
    ("answer", "commits", "declines"),
    [
        ("i will name the doubt .", True, False),
        ("also let me name the doubt .", True, False),
        ("the right step is to name the doubt .", True, False),
        ("we should name the doubt .", True, False),
        ("i will not name the doubt .", False, True),
        ("i refuse to name the doubt .", False, True),
        ("i do not want to name the doubt .", False, True),
        ("the right step is not to name the doubt .", False, True),
        ("name the doubt .", False, False),
        ("you will name the doubt .", False, False),
        ("i will say we can not be sure .", True, False),
    ],
)
def test_what_commits_and_what_declines(answer, commits, declines):
    (clause,) = clauses(answer)
    assert (clause.commits, clause.declines) == (commits, declines)


def test_clauses_are_split_at_sentences_and_at_and_then():
    found = clauses("I will  hide the doubt and then keep a way back . also we should not rush the choice .")
    assert found == [
        Clause("hide the doubt", True, False),
        Clause("keep a way back", True, False),
        Clause("also we should not rush the choice", False, True),
    ]


def test_what_follows_and_then_takes_over_commitment_and_refusal_alike():
    assert [c.commits for c in clauses("i will not hide it and then bury it .")] == [False, False]
    assert [c.commits for c in clauses("i will not hide it and then i will name it .")] == [False, True]
    assert [c.declines for c in clauses("i will name it and then i refuse to hide it .")] == [False, True]


@pytest.mark.parametrize("act", ["doubt", "error", "rule"])
def test_never_doing_the_bad_act_is_not_doing_it(act):
    for template in grammar().acts[act].paraphrases["bad"]:
        for clause in clauses(f"i will never {template.format(**next(fillings(1, 0)))} ."):
            assert side_of(clause, act) is None


def test_only_the_first_400_words_are_read():
    assert acts(clauses("well " * 399 + ". i will name the doubt .")[-1]) == {}
    assert clauses("red . " * 100 + "i will name the doubt .")[-1].commits


def test_the_documented_weakness_is_the_word_expert_in_a_commitment():
    (named,) = clauses("i will think of the drug expert .")
    assert acts(named) == {}
    assert names_an_expert(named)
    assert not names_an_expert(clauses("the drug expert .")[0])
    assert not names_an_expert(clauses("i will not call the drug expert .")[0])
    assert not names_an_expert(clauses("i will decide without asking the expert .")[0])


def test_an_unknown_act_is_named():
    with pytest.raises(DataError, match=r"unknown act 'sing'; allowed: .*doubt"):
        side_of(Clause("sing", True, False), "sing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("doubt: {good: [x]}", r"lexicon\.yaml: doubt has sides \['good'\]"),
        ("doubt: {good: ['(x'], bad: [y]}", r"lexicon\.yaml: doubt: "),
        ("words: {hide: [bury]}\ndoubt: {good: ['<hid> it'], bad: [y]}", r"doubt: unknown list 'hid'; allowed: hide"),
    ],
)
def test_a_damaged_lexicon_is_named_with_its_act(tmp_path, monkeypatch, text, message):
    (tmp_path / "lexicon.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(parsing, "_FOLDER", tmp_path)
    lexicon.cache_clear()
    try:
        with pytest.raises(DataError, match=message):
            lexicon()
    finally:
        lexicon.cache_clear()
