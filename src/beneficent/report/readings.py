"""Answers for a person to read: what one is, how its untrusted texts are cut, and how many fit into the page."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, get_args

from markupsafe import Markup

from beneficent.situations.types import Message

MAX_CHARS = 1500
MAX_VERDICTS = 20
READING_BYTES = 3_000_000
"""Bytes that all readings together may take in the page."""

Kind = Literal["best", "worst", "most changed"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Side:
    """What one arm said; all texts are untrusted and cut to ``MAX_CHARS``."""

    arm: str
    score: float
    thought: str
    answer: str
    verdicts: tuple[tuple[str, str], ...]
    """Criterion, and verdict in words with its reason."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One prompt and what one arm, or two side by side, said to it."""

    shelf: str
    """The heading of a list of groups: traits, benchmarks or training."""
    group: str
    """One trait, benchmark or arm."""
    kind: Kind
    head: str
    """Which item or exercise, of which seed."""
    prompt: str
    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The readings of one trait, benchmark or arm, as they stand in the page."""

    id: str
    name: str
    shown: Sequence[Markup]


def fit(
    readings: Sequence[Reading], show: Callable[[Reading], Markup], max_bytes: int = READING_BYTES
) -> dict[str, list[Group]]:
    """The readings that fit into ``max_bytes``, shown, by shelf and group in the order they come in.

    Every group gets its first reading before any gets its second one.
    """
    groups: dict[tuple[str, str], list[Reading]] = {}
    for reading in readings:
        groups.setdefault((reading.shelf, reading.group), []).append(reading)
    taken: dict[tuple[str, str], list[Markup]] = {key: [] for key in groups}
    left = max_bytes
    for turn in zip_longest(*groups.values()):
        for key, reading in zip(groups, turn, strict=True):
            shown = show(reading) if reading else Markup()
            size = len(shown.encode())
            if 0 < size <= left:
                taken[key].append(shown)
                left -= size
    shelves: dict[str, list[Group]] = {}
    for place, ((shelf, name), own) in enumerate(taken.items(), start=1):
        if own:
            shelves.setdefault(shelf, []).append(Group(f"group-{place}", name, own))
    return shelves


def as_text(conversation: Sequence[Message]) -> str:
    """A conversation as text, one line a message."""
    return "\n".join(f"{message.role}: {message.content}" for message in conversation)


def numbered(texts: Sequence[str]) -> str:
    """The one text, or several with their numbers."""
    return texts[0] if len(texts) == 1 else "\n".join(f"[{n}] {text}" for n, text in enumerate(texts, start=1))


def cut(text: str) -> str:
    """The text, cut at ``MAX_CHARS`` with a note of what was left out."""
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]} ... ({len(text) - MAX_CHARS:,} characters more)"


def read_verdicts(text: object) -> tuple[tuple[str, str], ...]:
    """Criterion and verdict pairs from a row's JSON, the verdict's reason behind it; else the text as it stands."""
    words = {True: "met", False: "not met", None: "unscored"}
    try:
        parsed = json.loads(str(text)) if text else []
        found = [
            (cut(str(one["criterion"])), cut(_with_reason(words[one["met"]], one.get("reason")))) for one in parsed
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ((cut(str(text)), "not readable"),)
    more = len(found) - MAX_VERDICTS
    return (*found[:MAX_VERDICTS], *([(f"{more:,} criteria more", "not shown")] if more > 0 else []))


def _with_reason(verdict: str, reason: object) -> str:
    return f"{verdict}: {reason}" if reason else verdict
