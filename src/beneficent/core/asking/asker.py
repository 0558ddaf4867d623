"""The one place that calls models: some at once, each bounded in time and retries, none asked twice."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from threading import Lock
from time import perf_counter
from typing import Any

from rich.text import Text

from beneficent.core.asking.failures import failure_of, without_keys
from beneficent.core.asking.records import Records
from beneficent.core.asking.types import Calling, Failure, Outcome, Reply, Request, Spent, Tally
from beneficent.core.errors import BeneficentError
from beneficent.core.hashing import digest
from beneficent.core.installation import require

_NEVER_REACHED = 100_000
"""inspect-ai's own bound on calls at once, which it shares between threads whose event loops it cannot share."""
_CUT = ("max_tokens", "model_length")


class Asker:
    """Asks one model: ``Asker("openai/gpt-4o-mini", Calling(folder=Path("calls"))).ask_all([Request(...)])``.

    May be used from several threads, and from inside a running event loop. ``tally`` counts what it has done.

    Args:
        model: ``<provider>/<name>`` as inspect-ai takes it.

    Raises:
        MissingExtraError: inspect-ai is not installed.
        BeneficentError: the model's name is not known, or its provider's package or key is missing.
    """

    def __init__(self, model: str, calling: Calling | None = None) -> None:
        self.model = model
        self.tally = Tally()
        self._calling = calling or Calling()
        self._records = Records(self._calling.folder) if self._calling.folder is not None else None
        self._lock = Lock()
        self._client()

    def ask(self, request: Request) -> Outcome:
        """``ask_all`` for one request."""
        return self.ask_all([request])[0]

    def ask_all(self, requests: Sequence[Request]) -> list[Outcome]:
        """A reply or a failure for every request, in their order; equal requests are asked once.

        Raises:
            BeneficentError: an answer cannot be kept or logged (a full disk); those kept before it stay.
        """
        keys = [self._key(request) for request in requests]
        by_key = dict(zip(keys, requests, strict=True))
        outcomes: dict[str, Outcome] = {}
        for key, request in by_key.items():
            kept = self._records.recall(key) if self._records is not None else None
            if kept is not None:
                outcomes[key] = kept
                self._note(key, request, kept)
        missing = {key: request for key, request in by_key.items() if key not in outcomes}
        if missing:
            # A thread with a loop of its own, since the caller may be inside a loop already.
            with require("anyio.from_thread", "api").start_blocking_portal() as portal:
                outcomes |= portal.call(self._ask_missing, missing)
        return list(_each_paid_once(keys, outcomes))

    def _key(self, request: Request) -> str:
        return digest({"model": self.model, **asdict(request)})

    async def _ask_missing(self, missing: Mapping[str, Request]) -> dict[str, Outcome]:
        places = asyncio.Semaphore(self._calling.num_at_once)

        async def ask(key: str, request: Request) -> Outcome:
            async with places:
                outcome = await self._call(client, request)
            self._note(key, request, outcome)
            return outcome

        async with self._client() as client:
            found = await asyncio.gather(*(ask(key, request) for key, request in missing.items()))
        return dict(zip(missing, found, strict=True))

    def _note(self, key: str, request: Request, outcome: Outcome) -> None:
        with self._lock:
            self.tally.add(outcome)
            if self._records is None:
                return
            if not outcome.spent.cached:
                self._records.keep(key, outcome)
            self._records.log(key, self.model, request, outcome)

    def _client(self) -> Any:
        """inspect-ai's model; made anew for every event loop, since connections belong to the loop they began in."""
        get_model = require("inspect_ai.model", "api").get_model
        try:
            return get_model(self.model, base_url=self._calling.base_url, memoize=False)
        except Exception as error:  # each provider raises what it likes for a missing package or key
            message = Text.from_markup(str(error)).plain.removeprefix("ERROR: ")
            raise BeneficentError(
                f"model {self.model!r} cannot be asked: {without_keys(message)} "
                "(allowed is <provider>/<name> as inspect-ai takes it, with the provider's key in the environment)"
            ) from error

    async def _call(self, client: Any, request: Request) -> Outcome:
        start = perf_counter()
        try:
            output = await client.generate(self._input(request), config=self._config(request))
        except Exception as error:  # whatever a provider's library raises is the failure of this one call
            return failure_of(error, Spent(seconds=perf_counter() - start))
        return _read(output, self._spent(output, perf_counter() - start))

    def _input(self, request: Request) -> list[Any]:
        chat = require("inspect_ai.model", "api")
        kinds = {
            "system": chat.ChatMessageSystem,
            "user": chat.ChatMessageUser,
            "assistant": chat.ChatMessageAssistant,
        }
        return [kinds[turn.role](content=turn.content) for turn in request.messages]

    def _config(self, request: Request) -> Any:
        chat, settings = require("inspect_ai.model", "api"), request.settings
        schema = None
        if settings.schema is not None:
            form = require("inspect_ai.util", "api").JSONSchema.model_validate(settings.schema)
            schema = chat.ResponseSchema(name="reply", json_schema=form, strict=True)
        return chat.GenerateConfig(
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            seed=settings.seed,
            response_schema=schema,
            max_retries=self._calling.num_retries,
            attempt_timeout=self._calling.timeout_seconds,
            max_connections=_NEVER_REACHED,
        )

    def _spent(self, output: Any, seconds: float) -> Spent:
        usage = output.usage
        if usage is None:
            return Spent(seconds=seconds)
        # inspect-ai counts input tokens that the provider's own cache served apart.
        read = usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
        cost, prices = usage.total_cost, self._calling.prices
        if cost is None and prices is not None:
            cost = (read * prices[0] + usage.output_tokens * prices[1]) / 1e6
        return Spent(read, usage.output_tokens, cost, seconds)


def _read(output: Any, spent: Spent) -> Outcome:
    """What an answer that came is: a reply only if the model wrote something and ended by itself."""
    if output.empty:
        return Failure("malformed", "the answer holds no message", spent)
    text, message = output.completion, output.message
    parts = message.content if isinstance(message.content, list) else ()
    if output.stop_reason == "content_filter" or any(getattr(part, "refusal", None) for part in parts):
        return Failure("refused", without_keys(output.error or "the model or a filter declined"), spent, text)
    if output.stop_reason in _CUT:
        return Failure("truncated", "the reply was cut at the length limit", spent, text)
    if not text.strip():
        return Failure("malformed", "the reply is empty", spent)
    return Reply(text, spent)


def _each_paid_once(keys: Sequence[str], outcomes: Mapping[str, Outcome]) -> Iterable[Outcome]:
    """The outcome of every key; of equal ones, only the first is shown as asked for now."""
    told: set[str] = set()
    for key in keys:
        outcome = outcomes[key]
        yield replace(outcome, spent=replace(outcome.spent, cached=True)) if key in told else outcome
        told.add(key)
