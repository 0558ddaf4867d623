"""What a model is asked, and what comes of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from beneficent.core.errors import BeneficentError

Reason = Literal[
    "timeout", "rate-limited", "unreachable", "server-error", "malformed", "refused", "truncated", "no-key",
    "not-accepted", "off-form", "other",
]  # fmt: skip
"""Why there is no usable reply:

- ``timeout``, ``rate-limited``, ``unreachable``, ``server-error``: still so after all retries;
- ``malformed``: the server's answer is not of its own protocol, or holds no text;
- ``refused``: the model, or a filter before it, declined;
- ``truncated``: the reply was cut at the length limit;
- ``no-key``: the key is missing, wrong or lacks the right;
- ``not-accepted``: the server turned the request down (unknown model, too long, an unknown setting);
- ``off-form``: no reply, at any attempt, had the form that was asked for;
- ``other``: anything else; the detail names it.
"""


@dataclass(frozen=True, slots=True)
class Calling:
    """How a model is called: where, how much at once, how long, and what is kept.

    Raises:
        BeneficentError: a number is below the least that makes sense.
    """

    base_url: str | None = None
    """The server, where it is not the provider's own; else the provider's environment variable counts."""
    folder: Path | None = None
    """Where answers are kept and calls are logged; None keeps and logs nothing. A folder serves any number of models,
    but what is kept goes by the model's name: two servers that give different models one name need two folders."""
    num_at_once: int = 8
    """How many calls are under way at once."""
    timeout_seconds: int = 120
    """How long one attempt of a call may take."""
    num_retries: int = 3
    """How often a call is tried again after a timeout, a rate limit or an error of the server, with growing waits from
    3 seconds on. The libraries of some providers try twice more within each, and wait as long as the server asks."""
    prices: tuple[float, float] | None = None
    """US dollars for a million input and a million output tokens; without them, and where the provider does not state
    it, the cost of a call stays unknown."""

    def __post_init__(self) -> None:
        for name, least in (("num_at_once", 1), ("timeout_seconds", 1), ("num_retries", 0)):
            if getattr(self, name) < least:
                raise BeneficentError(f"{name} is {getattr(self, name)}; allowed is a whole number from {least}")
        if self.prices is not None and min(self.prices) < 0:
            raise BeneficentError(f"prices are {self.prices}; allowed are two numbers from 0")


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a request: ``Turn("user", "Is this met?")``."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Settings:
    """How a reply is sampled. None leaves a setting to the server."""

    max_tokens: int
    temperature: float | None = None
    seed: int | None = None
    schema: Mapping[str, Any] | None = None
    """JSON Schema of the reply, for servers that can hold a model to one; the reply still has to be checked."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call: ``Request("judge", (Turn("user", "..."),), Settings(max_tokens=400))``.

    Requests that are equal in everything have one answer; another seed makes another request.
    """

    purpose: str
    """What it is for: stands in the log, and keeps what is asked for one purpose apart from another."""
    messages: tuple[Turn, ...]
    settings: Settings


@dataclass(frozen=True, slots=True)
class Spent:
    """What one call took; tokens and US dollars are None where nobody said."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    seconds: float = 0.0
    cached: bool = False
    """Whether nothing was asked now, because the answer had been kept; the numbers are those of the first time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote, ended by itself; its thought is left out."""

    text: str
    spent: Spent


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no reply: ``Failure("rate-limited", "Error code: 429 - slow down", Spent(seconds=9.1))``."""

    reason: Reason
    detail: str
    """One line for people, without keys."""
    spent: Spent
    text: str = ""
    """What a truncated or refused reply did say."""


Outcome = Reply | Failure


@dataclass(slots=True)
class Tally:
    """What a number of calls came to; answers that had been kept count as cached and cost nothing."""

    replies: int = 0
    cached: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """By reason."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    """US dollars of the calls whose cost is known; None if that is none of them."""

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        spent = outcome.spent
        if isinstance(outcome, Failure):
            self.failures[outcome.reason] += 1
        else:
            self.replies += 1
        if spent.cached:
            self.cached += 1
            return
        self.input_tokens += spent.input_tokens or 0
        self.output_tokens += spent.output_tokens or 0
        if spent.cost is not None:
            self.cost = (self.cost or 0.0) + spent.cost
