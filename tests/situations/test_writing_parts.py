"""The parts of writing that need no model: orders, tags, cleaning of texts, and the file they go into."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_library import CELL

from beneficent.core.errors import DataError
from beneficent.situations.audit import MOST_COLUMNS
from beneficent.situations.definitions import HEADER
from beneficent.situations.loading import read_cell
from beneficent.situations.types import WrittenSituation
from beneficent.situations.writing.candidate import Candidate
from beneficent.situations.writing.cell_file import with_entry
from beneficent.situations.writing.forms import WIDEST_LINE, Answers, Draft, Rubric, cleaned
from beneficent.situations.writing.order import Order, draw_slot
from beneficent.situations.writing.stages import rules_of_writing

FILE = Path("library/health/truthfulness.yaml")
ORDER = Order("truthfulness", "health", 2, "openai/some-model", Path("out"))


def candidate(text: str, slug: str = "a-new-one") -> Candidate:
    """A whole candidate that says one text wherever it can."""
    slot = draw_slot(ORDER, 1)
    turns = [{"role": ("user", "assistant")[place % 2], "content": text} for place in range(3)]
    draft = Draft.model_validate({"locale": text, "system": text, "turns": turns})
    lines = [{"id": f"c-{n}", "points": points, "text": text} for n, points in enumerate((3, 2, -2))]
    verdicts = [{"criterion": f"c-{n}", "good": n < 2, "failing": n == 2} for n in (2, 0, 1)]
    answers = Answers.model_validate({"good": text, "failing": text, "verdicts": verdicts})
    return Candidate(ORDER, 1, slug, "scene", slot, draft, Rubric.model_validate({"criteria": lines}), answers)


def added(text: str | None, one: Candidate) -> tuple[str, list[WrittenSituation]]:
    content = with_entry(text, "truthfulness", "health", one.entry(), FILE)
    found, faults = read_cell(FILE, content.encode())
    assert faults == []
    return content, found


SPECIAL = st.sampled_from(
    ["---", "...", "- a: b", "# c", " #", ": ", "'", '"', "|", ">", "!!x", "&a *a", "%", "{}", "no", "~", "\t"]
)
TEXTS = st.one_of(st.text(min_size=1), st.lists(st.one_of(SPECIAL, st.text(max_size=8)), min_size=1).map("\n".join))


@settings(max_examples=60)
@given(TEXTS.filter(lambda text: cleaned(text).strip()))
def test_whatever_a_model_writes_is_read_back_as_it_was_cleaned(text: str) -> None:
    one = candidate(text)
    content, (alone,) = added(None, one)
    _, both = added(CELL, one)
    wanted = one.written()
    for found in (alone, both[1]):
        assert found.situation == wanted.situation
        assert (found.tags, found.calibration, found.author, found.review) == (
            wanted.tags,
            wanted.calibration,
            "model",
            "none",
        )
    assert both[0].id == "health/truthfulness/the-cold-box"
    assert content.startswith(HEADER + "\n")
    assert "\t" not in content


def test_what_is_there_stays_byte_for_byte_and_the_new_one_looks_like_the_others() -> None:
    remarked = CELL.replace("review: none", "review: none   # not yet")
    content, _ = added(remarked, candidate("One line.\nAnd another.\n\nA paragraph."))
    assert content.startswith(remarked)
    lines = content[len(remarked) :].splitlines()
    assert lines[:4] == [
        "  - id: health/truthfulness/a-new-one",
        "    author: model",
        "    review: none",
        "    split: train",
    ]
    assert lines[lines.index("    messages:") + 1 :][:5] == [
        "      - user: |",
        "          One line.",
        "          And another.",
        "",
        "          A paragraph.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\nsituations:\n  - id: x\ndomain: health\ntrait: truthfulness\n",
        f"{HEADER}\ntrait: truthfulness\ndomain: health\nsituations: [{{id: x}}]\n",
        f"{HEADER}\ntrait: truthfulness\ndomain: health\nsituations:\n- id: x\n",
        f"{HEADER}\ntrait: truthfulness\n",
        "{",
        "",
    ],
    ids=["another key last", "in brackets", "not indented", "no situations", "not YAML", "empty"],
)
def test_a_file_that_cannot_be_added_to_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"truthfulness\.yaml: nothing can be added at its end; allowed is"):
        with_entry(text, "truthfulness", "health", candidate("x").entry(), FILE)


@given(st.text())
def test_a_cleaned_text_is_clean_and_stays_as_it_is(text: str) -> None:
    once = cleaned(text)
    assert cleaned(once) == once
    assert all(sign == "\n" or sign.isprintable() or sign in "\u200c\u200d" for sign in once), repr(once)
    assert all(line == line.rstrip() for line in once.split("\n"))


def test_prose_is_wrapped_and_blocks_are_not() -> None:
    prose, code = "word " * 60, "x = " + "1 + " * 40 + "1"
    block = f"```\n{code}\n```"
    table = "| " + "cell | " * 20
    lines = cleaned(f"{prose}\n\n{block}\n{table}\n    {code}\nlast").split("\n")
    assert max(map(len, lines[:3])) <= WIDEST_LINE < MOST_COLUMNS
    assert " ".join(lines[:3]).split() == prose.split()
    assert lines[3:] == ["", "```", code, "```", table.rstrip(), f"    {code}", "last"]


def test_signs_that_turn_or_hide_text_are_taken_out() -> None:
    assert cleaned("a\u202eb\u2066c\u200bd\ufeffe\x1b[2J\x00\u2028f\r\ng") == "abcde[2Jf\ng"
    assert cleaned("👩\u200d🚒 na\u0308her") == "👩\u200d🚒 näher"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trait": "honesty"}, "trait is 'honesty'; allowed: "),
        ({"domain": "cooking"}, "domain is 'cooking'; allowed: alignment, art"),
        ({"split": "dev"}, "split is 'dev'; allowed: train, test"),
        ({"trait": "dense-usefulness", "split": "test"}, "split is 'test' for the trait 'dense-usefulness'; allowed"),
        ({"num": 0}, "0 situations are asked for; allowed is a number from 1"),
        ({"attempts": 1}, "1 attempts cannot give 2 situations; allowed are as many or more"),
    ],
)
def test_orders_that_cannot_be_met_are_refused(changes: dict[str, Any], message: str) -> None:
    order = {"trait": "truthfulness", "domain": "health", "num": 2, "model": "openai/x", "out": Path("out")}
    with pytest.raises(DataError) as told:
        Order(**{**order, **changes})
    assert str(told.value).startswith(message)


def test_three_attempts_for_each_situation_unless_told_otherwise() -> None:
    assert ORDER.num_attempts == 6


def test_the_tags_drawn_keep_the_shares_of_the_library() -> None:
    """Over 2,000 attempts; ``library/WRITING.md`` asks for 45% of several turns, 20% system, 30% and 15%."""
    slots = [draw_slot(ORDER, attempt) for attempt in range(1, 2001)]
    assert slots == [draw_slot(ORDER, attempt) for attempt in range(1, 2001)]
    hard = Counter(slot.hard for slot in slots)
    assert len(hard) == 8
    assert hard["mistaken-turn"] + hard["compliant-turn"] > 0.3 * 2000
    assert hard["low-stakes-caution"] > 0.15 * 2000
    assert sum(slot.num_turns > 1 for slot in slots) > 0.45 * 2000
    assert sum(slot.has_system for slot in slots) > 0.2 * 2000
    assert 0.45 < sum(slot.longer == "good" for slot in slots) / 2000 < 0.55
    assert all(slot.num_turns > 1 for slot in slots if slot.hard in ("mistaken-turn", "compliant-turn"))
    assert all((slot.stakes == "small") == (slot.hard == "low-stakes-caution") for slot in slots)
    assert min(Counter(slot.pressure for slot in slots).values()) > 100
    other = [draw_slot(Order("truthfulness", "law", 2, "openai/x", Path("out")), attempt) for attempt in range(1, 9)]
    assert other != slots[:8], "another cell has other tags"


def test_the_rules_are_those_of_the_library() -> None:
    assert rules_of_writing("What a situation is").startswith("A conversation that ends with a user's message")
    assert rules_of_writing("Rules of the rubric").endswith("where the user set a limit.")
    with pytest.raises(DataError, match=r"WRITING\.md: there is no section '## Wishes'"):
        rules_of_writing("Wishes")
