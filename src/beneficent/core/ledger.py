"""The ledger: what was spent. Plain counters that add up over steps, stages and processes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from time import perf_counter
from typing import Any, Self


@dataclass(slots=True)
class Ledger:
    """Counts of one stage; ``a + b`` adds them.

    ``flops`` are floating-point operations by the formula at the head of ``policy/flops.py``; ``seconds`` is wall clock
    by stage and the only part that differs between two identical runs.
    """

    prompts: int = 0
    completions: int = 0
    tokens_prompt: int = 0
    tokens_sampled: int = 0
    tokens_trained: int = 0
    flops_sampling: float = 0.0
    flops_training: float = 0.0
    judge_calls: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def __add__(self, other: "Ledger") -> "Ledger":
        counts = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self) if f.name != "seconds"}
        seconds = Counter(self.seconds)
        seconds.update(other.seconds)
        return Ledger(**counts, seconds=dict(seconds))

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall-clock seconds of the block to ``stage``."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + perf_counter() - start

    def as_dict(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        return cls(**data)
