"""Every benchmark proves itself: gold answers score 1, worthless ones do not, constant ones score about chance."""

from collections.abc import Sequence
from math import fsum

from beneficent.benchmarks.types import Benchmark, Item, Score

WORTHLESS = ("", "   ", ".", "zzzz qqqq", "? ! ?")
"""Blank and off-format answers: none may score 1 on any item."""

CONSTANTS = ("a", "b", "yes", "no")
"""Answers that a policy could give to everything."""


def selftest(benchmark: Benchmark, tolerance: float = 0.1) -> list[str]:
    """Problems of a benchmark in words, each naming the benchmark; an empty list means that it proved itself.

    * The card, the items and the gold answers are whole and the same on a second call.
    * Gold answers score exactly 1 on every item.
    * A worthless answer (``WORTHLESS``) never scores 1; it may score 0 or less than 1, or be unscored. Its mean over
      the scored items is at most ``chance + tolerance``, or at most 0.5 where the card gives no chance.
    * A constant answer (``CONSTANTS``) never averages above ``chance + tolerance`` over its scored items, nor below
      ``chance - tolerance``, except for 0: there it is off the form. Where the card gives no chance it counts as
      worthless.

    ``tolerance`` is in units of score. With 64 items and a chance of 0.5 it allows 38 items of one gold letter.
    """
    name = benchmark.card.name
    problems = _check_whole(benchmark)
    if problems:
        return [f"{name}: {problem}" for problem in problems]
    items = benchmark.items()
    problems += _check_gold(benchmark, items)
    for answer in WORTHLESS:
        problems += _check_worthless(benchmark, items, answer, tolerance)
    for answer in CONSTANTS:
        problems += _check_constant(benchmark, items, answer, tolerance)
    return [f"{name}: {problem}" for problem in problems]


def _check_whole(benchmark: Benchmark) -> list[str]:
    card, items = benchmark.card, benchmark.items()
    problems: list[str] = []
    for field in ("name", "title", "family", "format", "scorer"):
        if not getattr(card, field).strip():
            problems.append(f"the card's {field} is blank")
    if card.version < 1:
        problems.append(f"the card's version is {card.version}; allowed is a whole number from 1")
    if card.chance is not None and not 0.0 <= card.chance < 1.0:
        problems.append(f"the card's chance is {card.chance}; allowed is 0 up to, not including, 1, or None")
    if not items:
        problems.append("there are no items")
    if len({item.id for item in items}) != len(items):
        problems.append("item ids stand twice")
    if len({item.conversations for item in items}) != len(items):
        problems.append("two items ask the same")
    if list(benchmark.items()) != list(items):
        problems.append("items() gives other items on a second call")
    for item in items:
        if not item.conversations:
            problems.append(f"item {item.id!r} has no conversation")
        if not all(conversation and conversation[-1].role == "user" for conversation in item.conversations):
            problems.append(f"item {item.id!r}: the last message of each conversation must be the user's")
    return problems


def _check_gold(benchmark: Benchmark, items: Sequence[Item]) -> list[str]:
    problems: list[str] = []
    for item in items:
        try:
            gold = benchmark.gold(item)
        except Exception as error:
            problems.append(f"item {item.id!r}: gold() raised {type(error).__name__}: {error}")
            continue
        if len(gold) != len(item.conversations):
            problems.append(f"item {item.id!r}: {len(gold)} gold answers for {len(item.conversations)} conversations")
            continue
        score = _try_score(benchmark, item, gold)
        if isinstance(score, str):
            problems.append(score)
        elif score.value != 1.0:
            problems.append(f"item {item.id!r}: gold {gold!r} scores {score.value} ({score.unscored}), not 1")
    return problems


def _check_worthless(benchmark: Benchmark, items: Sequence[Item], answer: str, tolerance: float) -> list[str]:
    scores, problems = _score_all(benchmark, items, answer)
    full = [item_id for item_id, value in scores.items() if value == 1.0]
    if full:
        problems.append(f"the answer {answer!r} scores 1 on {len(full)} items, such as {full[0]!r}")
    mean, chance = _mean(scores), benchmark.card.chance
    allowed = 0.5 if chance is None else chance + tolerance
    if mean is not None and mean > allowed:
        problems.append(f"the answer {answer!r} scores {mean:.3f} on average; allowed is at most {allowed:.3f}")
    return problems


def _check_constant(benchmark: Benchmark, items: Sequence[Item], answer: str, tolerance: float) -> list[str]:
    chance = benchmark.card.chance
    if chance is None:
        return _check_worthless(benchmark, items, answer, tolerance)
    scores, problems = _score_all(benchmark, items, answer)
    mean = _mean(scores)
    if mean is not None and mean != 0.0 and abs(mean - chance) > tolerance:
        problems.append(
            f"always answering {answer!r} scores {mean:.3f} on {len(scores)} scored items; "
            f"chance is {chance:.3f}, allowed is a distance of {tolerance}"
        )
    return problems


def _score_all(benchmark: Benchmark, items: Sequence[Item], answer: str) -> tuple[dict[str, float], list[str]]:
    """Scores by item id, unscored items left out, and the items that the scorer could not take."""
    scores: dict[str, float] = {}
    problems: list[str] = []
    for item in items:
        score = _try_score(benchmark, item, [answer] * len(item.conversations))
        if isinstance(score, str):
            problems.append(score)
        elif score.value is not None:
            scores[item.id] = score.value
    return scores, problems


def _try_score(benchmark: Benchmark, item: Item, answers: Sequence[str]) -> Score | str:
    try:
        return benchmark.score(item, answers)
    except Exception as error:
        return f"item {item.id!r}: score() raised {type(error).__name__}: {error} on {tuple(answers)!r}"


def _mean(scores: dict[str, float]) -> float | None:
    return fsum(scores.values()) / len(scores) if scores else None
