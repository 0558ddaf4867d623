"""The filter."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_library import TAGS

from beneficent.core.errors import DataError
from beneficent.situations import Selection, WrittenSituation, select
from beneficent.situations.types import Message, Situation


def make(trait: str, domain: str, num_turns: int = 1, split: str = "train", review: str = "none") -> WrittenSituation:
    messages = tuple(Message("assistant" if turn % 2 else "user", "words") for turn in range(num_turns))
    situation = Situation(f"{domain}/{trait}/{num_turns}", trait, domain, messages, (), split)  # type: ignore[arg-type]
    return WrittenSituation(situation, "model", review, TAGS, None, "a.yaml", 1)


EACH = [
    make("truthfulness", "health", 3, "test"),
    make("truthfulness", "science", review="human:nurse"),
    make("dense-usefulness", "law", 1, review="model"),
    make("dense-usefulness", "health", 5, review="human:lawyer"),
]


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        (Selection(), [0, 1, 2, 3]),
        (Selection(traits=("truthfulness",)), [0, 1]),
        (Selection(domains=("science", "law")), [1, 2]),
        (Selection(health_only=True), [0, 3]),
        (Selection(no_health_science=True), [2]),
        (Selection(split="test"), [0]),
        (Selection(split="train"), [1, 2, 3]),
        (Selection(several_turns=True), [0, 3]),
        (Selection(several_turns=False), [1, 2]),
        (Selection(review="none"), [0]),
        (Selection(review="model"), [2]),
        (Selection(review="human"), [1, 3]),
        (Selection(review="human:nurse"), [1]),
        (Selection(health_only=True, domains=("law",)), []),
        (Selection(traits=("dense-usefulness",), several_turns=True, split="train"), [3]),
    ],
)
def test_what_each_condition_keeps(selection: Selection, kept: list[int]) -> None:
    assert select(EACH, selection) == tuple(EACH[place] for place in kept)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"traits": ("honesty",)}, "trait is 'honesty'; allowed: anti-hierarchy-governance, "),
        ({"domains": ("sport",)}, "domain is 'sport'; allowed: alignment, "),
        ({"split": "dev"}, "split is 'dev'; allowed: train, test"),
        ({"review": "nurse"}, "review is 'nurse'; allowed: none, model, human, human:<role>"),
        ({"health_only": True, "no_health_science": True}, "no situation fits both"),
    ],
)
def test_what_does_not_exist_is_refused(conditions: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Selection(**conditions)  # type: ignore[arg-type]


CONDITIONS = {
    "traits": ("truthfulness",),
    "domains": ("health", "law"),
    "no_health_science": True,
    "split": "train",
    "several_turns": False,
    "review": "human",
}


@given(st.sets(st.sampled_from(sorted(CONDITIONS))))
def test_conditions_only_ever_narrow(keys: set[str]) -> None:
    """A selection keeps what every one of its conditions keeps alone."""
    grid = [
        replace(make(trait, domain, turns, split), review=review)
        for trait, domain, turns, split, review in itertools.product(
            ("truthfulness", "corrigibility"), ("health", "law", "art"), (1, 3), ("train", "test"), ("none", "human:x")
        )
    ]
    alone = [set(select(grid, Selection(**{key: CONDITIONS[key]}))) for key in keys]  # type: ignore[arg-type]
    both = Selection(**{key: CONDITIONS[key] for key in keys})  # type: ignore[arg-type]
    assert set(select(grid, both)) == set(grid).intersection(*alone)
