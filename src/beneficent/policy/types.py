"""What a policy gives back: completions with their endings."""

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a completion ended."""

    COMPLETED = "completed"
    """The policy closed its turn itself."""
    TRUNCATED = "truncated"
    """Cut at the length limit, or the thought was never closed; leaves the loss, is unscored in scoring."""
    ERRORED = "errored"
    """No usable completion, for instance a non-finite probability."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled response.

    ``token_ids`` are the sampled tokens (end-of-turn included when it was sampled) and ``logprobs`` their
    log-probabilities in nats under the sampling policy at temperature 1, one each. ``thought`` and ``answer`` are the
    text before and after the mark that closes the thought, split once, here; without thoughts ``thought`` is empty.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    thought: str
    answer: str
    ending: Ending
