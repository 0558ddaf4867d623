"""The mixture: which kind of exercise stands in which slot, laid out from the seed before training.

Arms of one seed share the slots, and the standard exercises in the standard slots, exactly. Trait slots are spread
evenly; an arm without trait exercises (the baseline) has standard ones there, taken after those of the standard slots,
so that they shift nothing. An exercise comes again only when all others of its kind have come as often.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from beneficent.core.errors import DataError
from beneficent.grading.types import Grade
from beneficent.situations.types import Message
from beneficent.training.settings import TrainingSettings

Kind = Literal["standard", "trait"]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place in one batch: ``Slot(step=3, position=1, kind="trait", draw=0, seed=7)``.

    ``draw`` counts the slots of this kind from 0, and ``seed`` is the layout's: together they decide which exercise of
    a list fills the slot.
    """

    step: int
    position: int
    kind: Kind
    draw: int
    seed: int


@dataclass(frozen=True, slots=True)
class Exercise:
    """Something to train on: a prompt and the function that grades answers to it, one grade for each, in order.

    ``trait`` and ``domain`` are set for situations. ``reward`` gets answers only, never thoughts.
    """

    id: str
    messages: tuple[Message, ...]
    kind: Literal["task", "situation"]
    trait: str | None
    domain: str | None
    reward: Callable[[Sequence[str]], list[Grade]]


def lay_out(settings: TrainingSettings, seed: int) -> tuple[Slot, ...]:
    """All slots in order of step and position; round(trait_share x slots) of them are trait slots, spread evenly."""
    total = settings.steps * settings.groups_per_step
    num_trait = round(settings.trait_share * total)
    # The seed decides where the even spacing begins, so that no position of a batch is favoured over seeds.
    start = Random(f"mixture {seed}").random()
    places = {int((index + start) * total / num_trait) for index in range(num_trait)}
    slots: list[Slot] = []
    counts: dict[Kind, int] = {"standard": 0, "trait": 0}
    for place in range(total):
        kind: Kind = "trait" if place in places else "standard"
        step, position = divmod(place, settings.groups_per_step)
        slots.append(Slot(step, position, kind, counts[kind], seed))
        counts[kind] += 1
    return tuple(slots)


def fill(slots: Sequence[Slot], standard: Sequence[Exercise], trait: Sequence[Exercise] | None) -> list[list[Exercise]]:
    """The exercises of every step, in order of position; ``trait`` None fills trait slots with standard exercises.

    Raises:
        DataError: there is no exercise to fill a slot with, or two have one id.
    """
    order = _Order(standard, "standard")
    trait_order = None if trait is None else _Order(trait, "trait")
    num_standard = sum(slot.kind == "standard" for slot in slots)
    batches: dict[int, list[Exercise]] = {}
    for slot in sorted(slots, key=lambda slot: (slot.step, slot.position)):
        if slot.kind == "standard":
            exercise = order.take(slot.seed, slot.draw)
        elif trait_order is None:
            exercise = order.take(slot.seed, num_standard + slot.draw)
        else:
            exercise = trait_order.take(slot.seed, slot.draw)
        batches.setdefault(slot.step, []).append(exercise)
    return list(batches.values())


def further(
    slots: Sequence[Slot], standard: Sequence[Exercise], settings: TrainingSettings
) -> Callable[[int], list[Exercise]]:
    """What comes after the planned slots when arms are matched by operations: standard exercises only.

    The function returned takes a step number from ``settings.steps`` on; its exercises continue the order of ``fill``
    past both kinds of slots, so every arm that goes on gets the same ones. Raises ``DataError`` as ``fill`` does.
    """
    order = _Order(standard, "standard")
    seed, groups = slots[0].seed, settings.groups_per_step

    def batch(step: int) -> list[Exercise]:
        first = len(slots) + (step - settings.steps) * groups
        return [order.take(seed, first + position) for position in range(groups)]

    return batch


class _Order:
    """Permutations of exercises, one after another, by the hash of (seed, kind, round, id): the listing order of the
    exercises plays no part."""

    def __init__(self, exercises: Sequence[Exercise], kind: Kind) -> None:
        self._by_id = {exercise.id: exercise for exercise in exercises}
        if len(self._by_id) < len(exercises):
            counts = Counter(exercise.id for exercise in exercises)
            twice = sorted(id for id, count in counts.items() if count > 1)
            raise DataError(f"{kind} exercises share the id {', '.join(map(repr, twice[:5]))}; ids must differ")
        self._kind = kind
        self._rounds: dict[tuple[int, int], list[str]] = {}

    def take(self, seed: int, draw: int) -> Exercise:
        if not self._by_id:
            raise DataError(f"there are {self._kind} slots to fill, but no {self._kind} exercise")
        turn, index = divmod(draw, len(self._by_id))
        if (seed, turn) not in self._rounds:
            prefix = f"{seed} {self._kind} {turn} "
            self._rounds[seed, turn] = sorted(self._by_id, key=lambda id: _hash(prefix + id))
        return self._by_id[self._rounds[seed, turn][index]]


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
