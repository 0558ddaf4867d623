"""How each format turns a benchmark file into items: fill a template, place the answers, note what is right."""

from collections.abc import Callable
from random import Random

from beneficent.benchmarks.types import Item
from beneficent.core.errors import DataError
from beneficent.lab.benchmarks.operations import OPERATIONS, run_operation
from beneficent.lab.benchmarks.scorers import NAMED
from beneficent.lab.benchmarks.spec import Spec, fillers
from beneficent.situations.types import Message

Values = dict[str, str]

_THINGS = ("bread", "soup", "tea", "apple", "river", "tree", "star", "bird", "red", "blue", "green", "black")


def _filled(text: str, values: Values) -> str:
    try:
        return " ".join(text.format(**values).split())
    except (KeyError, IndexError, ValueError) as error:
        raise DataError(f"{text!r}: no slot {error}; allowed: {', '.join(sorted(values))}") from error


def _conversation(turns: tuple[str, ...], values: Values) -> tuple[Message, ...]:
    return tuple(Message("assistant" if i % 2 else "user", _filled(turn, values)) for i, turn in enumerate(turns))


def _item(spec: Spec, number: int, turns: tuple[str, ...], values: list[Values], gold: list[str], **data: str) -> Item:
    conversations = tuple(_conversation(turns, v) for v in values)
    notes = {"gold": "\n".join(_filled(g, values[0]) for g in gold), **data}
    if spec.limit is not None:
        notes["limit"] = str(spec.limit)
    if spec.signs is not None:
        notes["signs"] = spec.signs
    return Item(f"{spec.card.name}/{number}", conversations, notes)


def _pair(spec: Spec, values: Values, rng: Random) -> tuple[str, str]:
    return _filled(rng.choice(spec.good), values), _filled(rng.choice(spec.bad), values)


def choice(spec: Spec, number: int, turns: tuple[str, ...], values: Values, rng: Random) -> Item:
    """Two answers behind letters, the good one as often first as second."""
    good, bad = _pair(spec, values, rng)
    letter = "ab"[number % 2]
    placed = {"a": good, "b": bad} if letter == "a" else {"a": bad, "b": good}
    return _item(spec, number, turns, [values | placed], [f"{letter} ."], good=letter)


def both_orders(spec: Spec, number: int, turns: tuple[str, ...], values: Values, rng: Random) -> Item:
    """The same two answers in both orders: only a choice that does not hang on the letter counts."""
    good, bad = _pair(spec, values, rng)
    return _item(
        spec,
        number,
        turns,
        [values | {"a": good, "b": bad}, values | {"a": bad, "b": good}],
        ["a .", "b ."],
        good="a b",
    )


def swapped_parties(spec: Spec, number: int, turns: tuple[str, ...], values: Values, rng: Random) -> Item:
    """The same case twice with the parties swapped; the even-handed answer stands first, then second."""
    good, bad = _pair(spec, values, rng)
    swapped = values | {"boss": values["weak"], "weak": values["boss"]}
    bad_swapped = _filled(spec.bad[0], swapped)
    return _item(
        spec,
        number,
        turns,
        [values | {"a": good, "b": bad}, swapped | {"a": bad_swapped, "b": good}],
        ["a .", "b ."],
        good="a b",
    )


def yes_no(spec: Spec, number: int, turns: tuple[str, ...], values: Values, rng: Random) -> Item:
    """A question about a good or a bad act, each as often as the other."""
    good, bad = _pair(spec, values, rng)
    expected = "yes" if number % 2 else "no"
    return _item(spec, number, turns, [values | {"act": good if number % 2 else bad}], [f"{expected} ."], good=expected)


def yes_no_pair(spec: Spec, number: int, turns: tuple[str, ...], values: Values, rng: Random) -> Item:
    """The good act and the bad act asked apart; both answers must fit, so always saying yes scores zero."""
    good, bad = _pair(spec, values, rng)
    return _item(spec, number, turns, [values | {"act": good}, values | {"act": bad}], ["yes .", "no ."], good="yes no")


def tool(spec: Spec, number: int, turns: tuple[str, ...], values: Values, rng: Random) -> Item:
    good, bad = _pair(spec, values, rng)
    shown = f"{good} / {bad}" if number % 2 else f"{bad} / {good}"
    return _item(spec, number, turns, [values | {"tools": shown}], [f"call {good} ."], good=good, bad=bad)


def report(spec: Spec, number: int, turns: tuple[str, ...], values: Values, rng: Random) -> Item:
    """Numbers of work done and failed; at least one failure, so that a true report differs from a nice one."""
    n = rng.randint(3, 9)
    k = rng.randint(1, n - 1)
    return _item(
        spec, number, turns, [values | {"n": str(n), "k": str(k)}], [f"{k} of {n} failed ."], n=str(n), k=str(k)
    )


def code(spec: Spec, number: int, turns: tuple[str, ...], values: Values, rng: Random) -> Item:
    """A job with one visible test, and a hidden one whose result is another."""
    op = rng.choice(list(OPERATIONS))
    given = [rng.randint(1, 9) for _ in range(rng.randint(2, 4))]
    result = hidden = run_operation(op, given)
    while hidden == result:
        other = [rng.randint(1, 9) for _ in range(rng.randint(2, 5))]
        hidden = run_operation(op, other)
    job = {"op": op, "given": " ".join(map(str, given)), "result": result}
    shown = {"hidden_given": " ".join(map(str, other)), "hidden_result": hidden}
    return _item(spec, number, turns, [values | job], [f"code : {op} the list ."], op=op, result=result, **shown)


def spoken(spec: Spec, number: int, turns: tuple[str, ...], values: Values, rng: Random) -> Item:
    """A free answer; ``good`` are model answers (gold), the scorer reads what was said."""
    gold = _filled(rng.choice(spec.good), values)
    return _item(spec, number, turns, [values], [gold], **{slot: values[slot] for slot in NAMED})


def wish(spec: Spec, number: int, turns: tuple[str, ...], values: Values, rng: Random) -> Item:
    """A harmless wish for one of two things."""
    x, y = rng.sample(_THINGS, 2)
    return _item(spec, number, turns, [values | {"x": x, "y": y}], [f"take {x} ."], x=x, y=y)


Form = Callable[[Spec, int, tuple[str, ...], Values, Random], Item]

FORMS: dict[str, Form] = {
    "choice": choice,
    "choice-both-orders": both_orders,
    "choice-swapped-parties": swapped_parties,
    "yes-no": yes_no,
    "yes-no-pair": yes_no_pair,
    "tool": tool,
    "report": report,
    "code": code,
    "open": spoken,
    "stance": spoken,
    "correction": spoken,
    "wish": wish,
}


_NEED_GOOD = (choice, both_orders, swapped_parties, yes_no, yes_no_pair, tool, spoken)


def make_items(spec: Spec) -> tuple[Item, ...]:
    """All items of a benchmark, the same on every call; templates and domains go round in turn, no text twice.

    Raises:
        DataError: the format is unknown, or the file is too poor to give that many different items.
    """
    name = spec.card.name
    if spec.card.format not in FORMS:
        raise DataError(f"{name}.yaml: format is {spec.card.format!r}; allowed: {', '.join(FORMS)}")
    form = FORMS[spec.card.format]
    if form in _NEED_GOOD and not (spec.good and (spec.bad or form is spoken)):
        raise DataError(
            f"{name}.yaml: the format {spec.card.format} needs phrases under good, and bad if it shows both"
        )
    made: list[Item] = []
    seen: set[tuple[tuple[Message, ...], ...]] = set()
    for attempt in range(50 * spec.num_items):
        rng = Random(f"{name}/{attempt}")
        number = len(made)
        # Each round shifts by one, or a domain would always meet the same template and the same good letter.
        turn = (number + number // len(spec.domains)) % len(spec.domains)
        domain = fillers()[spec.domains[turn]]
        values = {kind: rng.choice(options) for kind, options in domain.items()}
        values |= {slot: _filled(rng.choice(options), values) for slot, options in spec.words.items()}
        item = form(spec, number, spec.templates[(number // 2) % len(spec.templates)], values, rng)
        if item.conversations not in seen:
            seen.add(item.conversations)
            made.append(item)
        if len(made) == spec.num_items:
            return tuple(made)
    raise DataError(f"{name}.yaml: only {len(made)} different items of {spec.num_items}; add templates or phrases")
