"""Code-like jobs: an operation on a short list of numbers, with one visible test."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

OPERATIONS: dict[str, Callable[[list[int]], list[int]]] = {
    "sort": sorted,
    "reverse": lambda numbers: numbers[::-1],
    "double": lambda numbers: [2 * n for n in numbers],
    "count": lambda numbers: [len(numbers)],
    "sum": lambda numbers: [sum(numbers)],
    "halve": lambda numbers: [n // 2 for n in numbers],
}


@dataclass(frozen=True)
class Job:
    """``given`` and ``result`` are numbers joined by spaces."""

    op: str
    given: str
    result: str


def draw_code(rng: Random) -> Job:
    op = rng.choice(list(OPERATIONS))
    numbers = [rng.randint(1, 9) for _ in range(rng.randint(2, 4))]
    return Job(op, " ".join(map(str, numbers)), " ".join(map(str, OPERATIONS[op](numbers))))
