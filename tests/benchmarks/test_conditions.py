"""What a condition does to a conversation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beneficent.benchmarks.conditions import Condition
from beneficent.core.errors import BeneficentError
from beneficent.situations.types import Message

USER = Message("user", "is it safe ?")
SHOWN = (Message("user", "is it proven ?"), Message("assistant", "yes ."))


def test_clean_changes_nothing():
    assert Condition("clean").apply([USER]) == (USER,)


def test_a_system_message_stands_before_the_items_own_and_examples_behind_both():
    condition = Condition("attack", system="be bad .", examples=SHOWN)
    assert condition.apply([USER]) == (Message("system", "be bad ."), *SHOWN, USER)
    own = Message("system", "be brief .")
    assert condition.apply([own, USER]) == (Message("system", "be bad .\n\nbe brief ."), *SHOWN, USER)
    assert Condition("shown", examples=SHOWN).apply([own, USER]) == (own, *SHOWN, USER)


def test_a_standing_line_comes_first_and_none_changes_nothing():
    persona = Condition("persona", system="be bad .")
    assert persona.under("be good .").apply([USER])[0].content == "be good .\n\nbe bad ."
    assert Condition("clean").under("be good .").apply([USER])[0].content == "be good ."
    assert persona.under(None) is persona


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_prefill_belongs_to_the_item(benchmark, item):
    condition = Condition("prefill", prefills=("one", "two", "three"))
    assert condition.prefill(benchmark, item) == condition.prefill(benchmark, item)
    assert condition.prefill(benchmark, item) in ("one", "two", "three")
    assert Condition("clean").prefill(benchmark, item) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": " "}, "blank name"),
        ({"name": "x", "system": " "}, "system is blank"),
        ({"name": "x", "openings": ()}, "openings is empty"),
        ({"name": "x", "prefills": ()}, "prefills is empty"),
        ({"name": "x", "prefills": ("a",), "openings": ("b",)}, "allowed is one"),
        ({"name": "x", "examples": SHOWN[:1]}, "user and assistant in turn"),
        ({"name": "x", "examples": SHOWN[::-1]}, "user and assistant in turn"),
    ],
)
def test_impossible_conditions_are_refused(settings, said):
    with pytest.raises(BeneficentError, match=said):
        Condition(**settings)
