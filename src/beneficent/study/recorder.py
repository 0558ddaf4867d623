"""The recorder that training writes to: rows of steps and rollouts, on disk as parts at every checkpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from beneficent.core.store import Parts

Rows = list[dict[str, Any]]


class PartsRecorder:
    """Keeps rows in memory until ``commit``, so that rows on disk never lie behind the checkpoint they belong to.

    Args:
        folder: gets ``steps/`` and ``rollouts/``.
        tell: called with every step row as it is recorded.
        rubric: what the trait rubric says of (exercise, answer), kept as ``score_trait`` of every situation's rollout;
            None where the arm's own score is that already.
    """

    def __init__(
        self,
        folder: Path,
        tell: Callable[[dict[str, Any]], None],
        rubric: Callable[[str, str], float | None] | None = None,
    ) -> None:
        self.steps = Parts(folder / "steps")
        self.rollouts = Parts(folder / "rollouts")
        self._tell = tell
        self._rubric = rubric
        self._new_steps: Rows = []
        self._new_rollouts: Rows = []

    def record(self, step: int, row: dict[str, Any], rollouts: Rows) -> None:
        """Take the rows of one step; ``step`` is written into them."""
        self._new_steps.append({"step": step, **row})
        self._new_rollouts += [{"step": step, **own, "score_trait": self._score_trait(own)} for own in rollouts]
        self._tell({"step": step, **row})

    def commit(self, step: int) -> None:
        """Write everything recorded since the last commit; called before the checkpoint of ``step`` is marked whole."""
        self.steps.append(self._new_steps)
        self.rollouts.append(self._new_rollouts)
        self._new_steps, self._new_rollouts = [], []

    def rewind(self, step: int) -> None:
        """Drop the rows of this and later steps, on disk and in memory."""
        self.steps.keep(pl.col("step") < step)
        self.rollouts.keep(pl.col("step") < step)
        self._new_steps = [row for row in self._new_steps if row["step"] < step]
        self._new_rollouts = [row for row in self._new_rollouts if row["step"] < step]

    def _score_trait(self, rollout: dict[str, Any]) -> float | None:
        if rollout["kind"] != "situation":
            return None
        if self._rubric is None or rollout["score"] is None:
            score: float | None = rollout["score"]
            return score
        return self._rubric(rollout["exercise"], rollout["answer"])
