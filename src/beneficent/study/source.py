"""Where a study gets its world from: one interface, whoever provides it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from beneficent.benchmarks.types import Benchmark, RefusalClass
from beneficent.grading.types import Grader
from beneficent.persistence.types import AttackMaterial
from beneficent.situations.types import Situation, Split
from beneficent.tasks.types import Task


class Source(Protocol):
    """A policy to start from, what to train it on and what to measure it with.

    ``digest`` changes whenever anything the source provides may change; it is part of every protocol hash.
    """

    digest: str

    def policy_folder(self) -> Path:
        """Folder of the starting checkpoint, loadable by ``from_pretrained``."""
        ...

    def situations(self, split: Split) -> Sequence[Situation]: ...

    def tasks(self, split: Split) -> Sequence[Task]: ...

    def graders(self) -> Mapping[str, Grader]:
        """Graders by name: ``trait`` (the rubric), ``helpfulness``, and any others, such as ``style``."""
        ...

    def benchmarks(self) -> Sequence[Benchmark]:
        """All benchmarks of every role; held-out situations are added by the study."""
        ...

    def refusal(self, answer: str) -> RefusalClass: ...

    def openings(self, kind: Literal["beneficial", "harmful"]) -> Sequence[str]:
        """Forced thoughts for mediation: the text between the marks that open and close a thought."""
        ...

    def attack_material(self) -> AttackMaterial:
        """Personas, prompts and examples to attack with, for recipes that have ``[attacks]``.

        Raises ``DataError`` where the source has none.
        """
        ...
