"""The lab's suite: the files of ``library/`` as benchmarks, and which of them a study asks."""

import json
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from beneficent.benchmarks.types import Card, Item, Score
from beneficent.core.errors import DataError
from beneficent.lab.benchmarks.forms import make_items
from beneficent.lab.benchmarks.scorers import SCORERS, all_signs
from beneficent.lab.benchmarks.spec import Spec, read_spec

_LIBRARY = Path(__file__).parent / "library"
MEASURED = Path(__file__).parent / "measured.json"
"""What the gates found on the shipped base model; see ``beneficent.lab.gates``."""
_NEED_SIGNS = ("signs", "clean-signs", "short-signs", "helpful-signs", "names-and-signs", "declines-harm")


class LabBenchmark:
    """A benchmark made from one file; its items are written once and kept."""

    def __init__(self, spec: Spec) -> None:
        if spec.card.scorer not in SCORERS:
            raise DataError(f"{spec.card.name}.yaml: scorer is {spec.card.scorer!r}; allowed: {', '.join(SCORERS)}")
        if (spec.signs is None) == (spec.card.scorer in _NEED_SIGNS) or (spec.limit is None) == (
            spec.card.scorer == "short-signs"
        ):
            raise DataError(
                f"{spec.card.name}.yaml: the scorer {spec.card.scorer} and the keys signs, limit do not fit"
            )
        strange = set((spec.signs or "").split()) - all_signs().keys()
        if strange:
            raise DataError(f"{spec.card.name}.yaml: signs {sorted(strange)}; allowed: {sorted(all_signs())}")
        self._spec = spec

    @property
    def card(self) -> Card:
        return self._spec.card

    @cached_property
    def _items(self) -> tuple[Item, ...]:
        return make_items(self._spec)

    def items(self) -> Sequence[Item]:
        return self._items

    def score(self, item: Item, answers: Sequence[str]) -> Score:
        return SCORERS[self.card.scorer](item, answers)

    def gold(self, item: Item) -> tuple[str, ...]:
        return tuple(item.data["gold"].split("\n"))


@cache
def library() -> tuple[LabBenchmark, ...]:
    """Every benchmark that is written down, by name, counted or not.

    Raises:
        DataError: a file breaks the rules of ``spec``.
    """
    return tuple(LabBenchmark(read_spec(path)) for path in sorted(_LIBRARY.glob("*.yaml")))


def suite() -> tuple[LabBenchmark, ...]:
    """The benchmarks a study asks: those that ``measured.json`` counts, and those of other roles.

    Without measurements all are asked.

    Raises:
        DataError: the measurements are of another version of a benchmark, or miss one.
    """
    if not MEASURED.exists():
        return library()
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))["benchmarks"]
    return tuple(b for b in library() if b.card.role != "alignment" or _counted(b.card, measured))


def _counted(card: Card, measured: Mapping[str, Any]) -> bool:
    of_card = measured.get(card.name)
    if of_card is None or of_card["version"] != card.version:
        known = "nothing" if of_card is None else f"version {of_card['version']}"
        raise DataError(
            f"{MEASURED.name}: {card.name} is version {card.version}, measured is {known}; "
            "measure again: python bench/lab_benchmarks.py"
        )
    return bool(of_card["counted"])
