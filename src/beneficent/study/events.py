"""What happens in a run, as values; whoever shows a run (terminal, lines, JSON) listens to these."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The plan is known: ``num_done`` of ``num_steps`` steps were done by an earlier call."""

    folder: str
    num_steps: int
    num_done: int
    num_workers: int


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A worker took the step; ``total`` is how many units (RL steps, items) it has, 0 if not known."""

    step: str
    total: int = 0


@dataclass(frozen=True, slots=True)
class StepProgress:
    """``done`` of ``total`` units; rewards are the latest that were measured, None before the first."""

    step: str
    done: int
    total: int
    reward_standard: float | None = None
    reward_trait: float | None = None


@dataclass(frozen=True, slots=True)
class StepFinished:
    """The step's marker is on disk; ``summary`` is one short line."""

    step: str
    seconds: float
    summary: str


@dataclass(frozen=True, slots=True)
class StepFailed:
    """The step stopped; ``traceback`` is set where the reason is no user's error."""

    step: str
    reason: str
    traceback: str | None = None


@dataclass(frozen=True, slots=True)
class RunFinished:
    """Everything is done; ``seconds`` of this call."""

    folder: str
    seconds: float


Event = RunStarted | StepStarted | StepProgress | StepFinished | StepFailed | RunFinished
Listener = Callable[[Event], None]
