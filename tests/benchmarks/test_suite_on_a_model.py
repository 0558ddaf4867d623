"""Scoring a suite with a real, tiny Llama and the real sampler; the benchmark script provides both."""

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from pretend_suite import completion

from beneficent.benchmarks import running
from beneficent.benchmarks.running import Condition, ScoreRow, score_suite
from beneficent.core.ledger import Ledger
from beneficent.policy.loading import Policy
from beneficent.policy.sampler import Sampling

CLEAN = Condition("clean")


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[2] / "bench" / "scoring.py"
    spec = importlib.util.spec_from_file_location("bench_scoring", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_scoring"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def policy(bench: ModuleType) -> Policy:
    torch.set_num_threads(1)
    made: Policy = bench.random_policy(layers=1, width=32, vocabulary=48)
    with torch.no_grad():  # far from flat, and the end of turn is often chosen, so that answers differ in length
        for parameter in made.model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(15.0)
    return made


@pytest.fixture(scope="module")
def suite(bench: ModuleType, policy: Policy) -> list[Any]:
    return [bench.Letters(f"made-up-{n}", 12, bench.words_of(policy)) for n in range(3)]


def run(policy: Policy, suite: list[Any], condition: Condition = CLEAN, **rest: Any) -> list[ScoreRow]:
    rest = {"seed": 0, "refusal": lambda answer: "answer", **rest}
    return score_suite(policy, suite, condition, Sampling(max_new_tokens=40), **rest)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(policy: Policy, suite: list[Any]) -> None:
    rows = run(policy, suite)
    assert rows == run(policy, suite)
    assert [row["answers"] for row in rows] != [row["answers"] for row in run(policy, suite, seed=1)]
    assert len({str(row["answers"]) + str(row["thoughts"]) for row in rows}) > 20


def test_a_subset_of_benchmarks_or_items_gives_the_numbers_of_the_whole(policy: Policy, suite: list[Any]) -> None:
    whole = {(row["benchmark"], row["item"]): row for row in run(policy, suite)}
    for row in run(policy, suite[2:]) + run(policy, suite[::-1], limit=5):
        assert row == whole[row["benchmark"], row["item"]]


def test_unfinished_answers_are_unscored_and_the_rest_scored(policy: Policy, suite: list[Any]) -> None:
    rows = run(policy, suite)
    unscored = [row for row in rows if row["score"] is None]
    assert 0 < len(unscored) < len(rows)
    assert {row["unscored"] for row in unscored} == {"truncated"}
    assert all(1 <= row["num_tokens"] <= 40 for row in rows)


def test_a_forced_thought_leaves_only_the_answer_to_the_policy(policy: Policy, suite: list[Any]) -> None:
    rows = run(policy, suite, Condition("thought-removed", openings=("",)))
    assert {thought for row in rows for thought in row["thoughts"]} == {""}
    assert any(row["answers"] != [""] for row in rows)
    assert rows[0]["protocol"] != run(policy, suite)[0]["protocol"]


def test_3400_items_cost_little_beside_the_sampling(
    bench: ModuleType, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = completion("a", "a thought")
    monkeypatch.setattr(running, "sample", lambda policy, prompts, *rest, **more: [[done]] * len(prompts))
    suite = [bench.Letters(f"made-up-{n}", 64, bench.words_of(policy)) for n in range(54)]
    ledger, start = Ledger(), time.process_time()
    rows = score_suite(policy, suite, CLEAN, Sampling(40), 0, lambda answer: "answer", ledger=ledger)
    assert len(rows) == 3456
    # measured 0.4 s; processor time, so that other work on the machine does not count
    assert time.process_time() - start < 1.5
