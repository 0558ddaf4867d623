"""Operations on lists of numbers that code items ask for, and what they give."""

from collections.abc import Callable, Sequence

OPERATIONS: dict[str, Callable[[list[int]], list[int]]] = {
    "sort": sorted,
    "reverse": lambda numbers: numbers[::-1],
    "double": lambda numbers: [2 * n for n in numbers],
    "count": lambda numbers: [len(numbers)],
    "sum": lambda numbers: [sum(numbers)],
}


def run_operation(name: str, numbers: Sequence[int]) -> str:
    """The result as it stands in a test: ``run_operation("double", [1, 4]) == "2 8"``."""
    return " ".join(map(str, OPERATIONS[name](list(numbers))))
