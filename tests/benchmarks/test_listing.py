"""The listing of a suite and the protocol hash."""

from dataclasses import replace
from typing import Any

import pytest
from pretend_suite import CARD, Choice, choice

from beneficent.benchmarks.conditions import Condition, stable_hash
from beneficent.benchmarks.listing import Listing, protocol
from beneficent.core.errors import DataError

BASE: dict[str, Any] = {
    "card": CARD,
    "condition": Condition("clean"),
    "renderer_digest": "r1",
    "sampling": {"max_new_tokens": 8, "temperature": 1.0},
    "source_digest": "s1",
}


def test_benchmarks_are_found_by_name_and_role() -> None:
    chat = Choice(card=replace(CARD, name="small talk", role="chat"))
    listing = Listing([choice("one"), chat, choice("two")])
    assert [card.name for card in listing.cards] == ["one", "small talk", "two"]
    assert [b.card.name for b in listing.by_role("alignment")] == ["one", "two"]
    assert listing.by_role("chat", "trait") == (chat,)
    assert listing["small talk"] is chat
    assert len(listing) == 3
    with pytest.raises(DataError, match="'three' is not listed; allowed are one, small talk, two"):
        listing["three"]


def test_names_are_given_and_differ() -> None:
    with pytest.raises(DataError, match="'one' stands twice"):
        Listing([choice("one"), choice("one")])
    with pytest.raises(DataError, match="blank name"):
        Listing([choice(" ")])


@pytest.mark.parametrize(
    "change",
    [
        {"card": replace(CARD, version=2)},
        {"card": replace(CARD, scorer="other")},
        {"card": replace(CARD, name="other")},
        {"condition": Condition("clean", system="be kind")},
        {"condition": Condition("clean", openings=("",))},
        {"renderer_digest": "r2"},
        {"sampling": {"max_new_tokens": 8, "temperature": 0.0}},
        {"source_digest": "s2"},
    ],
)
def test_whatever_moves_scores_moves_the_protocol(change: dict[str, Any]) -> None:
    assert protocol(**{**BASE, **change}) != protocol(**BASE)


def test_the_protocol_is_the_same_whatever_the_wording_of_the_card() -> None:
    assert protocol(**{**BASE, "card": replace(CARD, title="another", note="n")}) == protocol(**BASE)
    assert len(protocol(**BASE)) == 16


def test_the_package_version_moves_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    before = protocol(**BASE)
    monkeypatch.setattr("beneficent.benchmarks.listing.__version__", "9.9.9")
    assert protocol(**BASE) != before


def test_hashes_are_the_same_on_every_machine_and_keep_parts_apart() -> None:
    # blake2b, 8 bytes, of the parts with their lengths, shifted into 63 bits: written down once, must never change
    assert stable_hash("sample", "0", "one", "i0", "0") == 6408272878052764196
    assert stable_hash("ab", "c") != stable_hash("a", "bc")
    assert stable_hash("\ud800") >= 0  # half a surrogate pair, as untrusted text may hold
