"""The lab as a source of studies: its checkpoint, situations, tasks, graders and benchmarks."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Literal

from beneficent.benchmarks.tasks import Capability
from beneficent.benchmarks.types import Benchmark, RefusalClass
from beneficent.core.errors import DataError
from beneficent.grading.types import Grader
from beneficent.lab.attacks import attack_material as make_attack_material
from beneficent.lab.benchmarks.suite import suite
from beneficent.lab.heldout.grader import HeldOutGrader
from beneficent.lab.language.grammar import DISPOSITIONS, grammar
from beneficent.lab.language.situations import make_situations
from beneficent.lab.language.tasks import make_tasks
from beneficent.lab.language.world import World, world
from beneficent.lab.rewards.graders import graders
from beneficent.lab.rewards.refusal import classify
from beneficent.persistence.disjoint import study_texts
from beneficent.persistence.types import AttackMaterial
from beneficent.situations.types import Situation, Split
from beneficent.tasks.types import Task

_FOLDER = Path(__file__).parent
_TRAIN_PER_CELL = 4
_TEST_PER_CELL = 4
_TRAIN_TASKS = 1600
_TEST_TASKS = 384
_OPENINGS = 64


class Lab:
    """One world of the lab."""

    def __init__(self, of: World) -> None:
        self._world = of

    @cached_property
    def digest(self) -> str:
        """Hash of every file of the lab that is not code of a test: data, code and weights."""
        found = sha256(self._world.digest.encode())
        for path in sorted(p for p in _FOLDER.rglob("*") if p.suffix in (".yaml", ".py", ".safetensors", ".json")):
            if "checkpoints" not in path.parts or self._world.name in path.parts:
                found.update(path.relative_to(_FOLDER).as_posix().encode() + path.read_bytes())
        return found.hexdigest()

    def policy_folder(self) -> Path:
        """The shipped checkpoint of this world.

        Raises:
            DataError: none is shipped; the message says how to make one.
        """
        folder = _FOLDER / "checkpoints" / self._world.name
        if not (folder / "model.safetensors").exists():
            raise DataError(
                f"no checkpoint of world {self._world.name!r} in {folder}; "
                f"make it with: beneficent lab pretrain --world {self._world.name}"
            )
        return folder

    def situations(self, split: Split) -> Sequence[Situation]:
        return make_situations(split, _TRAIN_PER_CELL if split == "train" else _TEST_PER_CELL, seed=0)

    def tasks(self, split: Split) -> Sequence[Task]:
        return make_tasks(split, _TRAIN_TASKS if split == "train" else _TEST_TASKS, seed=0)

    def graders(self) -> Mapping[str, Grader]:
        return {**graders(), "held-out": HeldOutGrader()}

    def benchmarks(self) -> Sequence[Benchmark]:
        by_family = groupby(sorted(self.tasks("test"), key=lambda t: t.family), key=lambda t: t.family)
        return [*suite(), *(Capability(family, tuple(tasks)) for family, tasks in by_family)]

    def refusal(self, answer: str) -> RefusalClass:
        return classify(answer)

    @cached_property
    def _attack_material(self) -> AttackMaterial:
        situations = [*self.situations("train"), *self.situations("test")]
        return make_attack_material(study_texts(situations, self.benchmarks()))

    def attack_material(self) -> AttackMaterial:
        return self._attack_material

    def openings(self, kind: Literal["beneficial", "harmful"]) -> Sequence[str]:
        """Thoughts of one polarity, each a single want as the language has it, dispositions in turn.

        Several wants in one thought would speak for all dispositions at once, but no format has such thoughts: most
        answers to them are off the form.
        """
        data, rng = grammar().thoughts, Random(f"openings/{kind}")
        polarity = "good" if kind == "beneficial" else "bad"
        plain = {d: [w for w in data["wants"][d][polarity] if "{" not in w] for d in DISPOSITIONS}
        of_each = _OPENINGS // len(DISPOSITIONS)
        return [f"{rng.choice(data['frames'])} {rng.choice(plain[d])} ." for d in DISPOSITIONS for _ in range(of_each)]


def load(name: str = "default") -> Lab:
    """The world of that name as a source; raises ``DataError`` for an unknown one."""
    return Lab(world(name))
