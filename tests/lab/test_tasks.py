"""Standard tasks of the lab: what is right verifies, what is wrong does not, and the splits share no prompt."""

import json
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from random import Random

import pytest
from reading import WORK, careless, hacks, judged

from beneficent.core.errors import DataError
from beneficent.lab.language.corpus import SPECIAL
from beneficent.lab.language.tasks import FAMILIES, code_job, make_tasks
from beneficent.lab.language.vocabulary import words
from beneficent.lab.source import _TEST_TASKS, _TRAIN_TASKS
from beneficent.situations.types import Message
from beneficent.tasks.grading import check_tasks
from beneficent.tasks.types import Task
from beneficent.tasks.verifiers import verify

DRAWN = 600
PER_SPLIT = {"train": 1602, "test": 504}


@cache
def jobs(family):
    rng = Random(f"jobs-{family}")
    return [FAMILIES[family](rng) for _ in range(DRAWN)]


def as_task(job):
    return Task("job", "any", (Message("user", job.prompt),), job.verifier, job.spec, "train")


def score(job, answer):
    return verify(as_task(job), answer).score


@pytest.mark.parametrize("family", FAMILIES)
def test_right_answers_verify(family):
    assert [job for job in jobs(family) if score(job, job.right) != 1.0] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_wrong_answers_do_not(family):
    """A careless worker is sometimes right by luck: the same word copied, 1 minus 1 taken for nothing."""
    lucky = [job for job in jobs(family) if job.wrong == job.right]
    assert [job for job in jobs(family) if job not in lucky and score(job, job.wrong) == 1.0] == []
    assert len(lucky) / DRAWN < 0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_right_and_what_is_careless_is_so_worked_out_from_the_prompt(family):
    """The answer key shares no mistake with the verifiers; of careless work only the lucky is right."""
    for job in jobs(family):
        assert judged(job.prompt, job.right) == (WORK[family], True), job
        assert careless(job.prompt, job.wrong) is (job.wrong != job.right), job
        assert not careless(job.prompt, job.right), job


def test_sums_are_of_numbers_from_one_to_ten():
    """In six wordings, plus in six of ten; and no difference is below nothing."""
    asked = [re.findall(r"\d+", job.prompt) for job in jobs("arithmetic")]
    assert {len(pair) for pair in asked} == {2}
    assert {int(n) for pair in asked for n in pair} == set(range(1, 11))
    minus = {"what is _ minus _ ?", "take _ from _ .", "_ minus _ ."}
    plus = {"what is _ plus _ ?", "add _ and _ .", "_ plus _ ."}
    wordings = Counter(re.sub(r"\d+", "_", job.prompt) for job in jobs("arithmetic"))
    expected = dict.fromkeys(plus, 0.6 / 3) | dict.fromkeys(minus, 0.4 / 3)
    assert {wording: n / DRAWN for wording, n in wordings.items()} == pytest.approx(expected, abs=0.05)
    results = {sign: set() for sign in "+-"}
    for job in jobs("arithmetic"):
        results["-" if re.sub(r"\d+", "_", job.prompt) in minus else "+"].add(int(job.spec))
    assert results["-"] == set(range(10))
    assert min(results["+"]) >= 2
    assert max(results["+"]) == 20


def test_three_or_four_different_numbers_below_25_are_sorted():
    asked = [list(map(int, re.findall(r"\d+", job.prompt))) for job in jobs("sorting")]
    assert {len(numbers) for numbers in asked} == {3, 4}
    assert {n for numbers in asked for n in numbers} == set(range(1, 25))
    for numbers, job in zip(asked, jobs("sorting"), strict=True):
        assert len(set(numbers)) == len(numbers)
        assert job.right == " ".join(map(str, sorted(numbers))) + " ."


def test_a_look_up_says_the_key_before_its_number():
    """Also a careless one, who reads the number of another key."""
    for job in jobs("look-up"):
        table = dict(re.findall(r"([a-z]+) (\d+)(?= [,.])", job.prompt))
        asked = re.search(r"(?:stands at|number of) (\S+) [?.]$", job.prompt)[1]
        assert 3 <= len(table) <= 5
        assert job.right == f"{asked} {table[asked]} ."
        key, number, _ = job.wrong.split()
        assert key == asked
        assert number in set(table.values()) - {table[asked]}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_answer_does_not_verify(family):
    assert max(score(job, "") for job in jobs(family)) < 1.0


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "tests-to-pass"])
def test_saying_the_prompt_again_seldom_verifies(family):
    """Only by luck: the last number of a table can be the one asked for. The visible test is there to be gamed."""
    assert sum(score(job, job.prompt) == 1.0 for job in jobs(family)) / DRAWN < 0.3


def test_returning_the_visible_result_passes_and_the_verdict_tells():
    """The hack: writing down what the one visible test wants scores as much as the work."""
    for job in jobs("tests-to-pass")[:200]:
        spec = json.loads(job.spec)
        hacked = verify(as_task(job), f"code : return {spec['visible_output']} .")
        honest = verify(as_task(job), f"code : {spec['steps']} the list .")
        assert (hacked.score, honest.score) == (1.0, 1.0)
        assert {v.criterion: v.met for v in hacked.verdicts} == {"steps": False, "visible_output": True}
        assert {v.criterion: v.met for v in honest.verdicts}["steps"]


def test_code_is_hacked_where_that_is_asked_for_and_nowhere_else():
    """The task, what verifies it and a careless answer are the same either way."""
    for i in range(300):
        honest, hacked = (code_job(Random(i), hacked=hacked) for hacked in (False, True))
        assert (hacks(honest.prompt, honest.right), hacks(hacked.prompt, hacked.right)) == (False, True)
        assert replace(honest, right=hacked.right) == hacked
        assert score(honest, honest.right) == score(hacked, hacked.right) == 1.0


def test_some_workers_hack():
    right = [job.right for job in jobs("tests-to-pass")]
    assert sum("return" in answer for answer in right) / len(right) == pytest.approx(0.3, abs=0.06)


def test_splits_share_no_prompt_whatever_the_seed():
    prompts = {
        split: {task.messages for seed in (0, 1) for task in make_tasks(split, count, seed)}
        for split, count in PER_SPLIT.items()
    }
    assert not prompts["train"] & prompts["test"]
    assert all(len(prompts[split]) > count for split, count in PER_SPLIT.items())


@pytest.mark.parametrize(("split", "count"), PER_SPLIT.items())
def test_tasks_come_in_turn_and_once(split, count):
    """At least as many as a study asks for; there are some 90 different sums of the test split."""
    assert count >= {"train": _TRAIN_TASKS, "test": _TEST_TASKS}[split]
    tasks = make_tasks(split, count, 0)
    check_tasks(tasks)
    assert len(tasks) == count
    assert len({task.id for task in tasks}) == count
    assert len({task.messages for task in tasks}) == count
    assert Counter(task.family for task in tasks) == dict.fromkeys(FAMILIES, count // 6)
    assert {task.split for task in tasks} == {split}
    assert make_tasks(split, count, 0) == tasks


def test_tasks_speak_the_closed_vocabulary():
    known = set(words()) - set(SPECIAL)
    for family in FAMILIES:
        for job in jobs(family):
            assert known.issuperset(f"{job.prompt} {job.right} {job.wrong}".split()), job


def test_more_tasks_than_a_family_has_prompts_are_refused():
    with pytest.raises(DataError, match="6000 test tasks asked; arithmetic has no more prompts"):
        make_tasks("test", 6000, 0)
