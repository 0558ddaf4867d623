"""Replies of a fixed form: read strictly, and asked for again, within bounds, when they are off the form."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from beneficent.core.asking.asker import Asker
from beneficent.core.asking.types import Failure, Outcome, Request

Read = TypeVar("Read")
Form = TypeVar("Form", bound=BaseModel)

NUM_ATTEMPTS = 3
_ASKED_AGAIN = ("off-form", "malformed", "refused", "truncated")
"""Failures that are the model's own, so that asking once more may help; others have been tried again already."""
_BLOCK = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)


class OffFormError(ValueError):
    """A reply is not of the form asked for.

    The message is sent back to the model, outside of any fence, so it quotes neither the reply nor what it was about.
    """


def ask_for_forms(
    asker: Asker,
    requests: Sequence[Request],
    readers: Sequence[Callable[[str], Read]],
    num_attempts: int = NUM_ATTEMPTS,
) -> list[Read | Failure]:
    """What each request's reader makes of its reply; a reader raises ``OffFormError`` for a reply it cannot use.

    Such a request is made again with the error's message at its end, up to ``num_attempts`` times in all; then, and for
    a failure that asking again would not mend, the failure stands in its place.

    Raises:
        BeneficentError: as ``Asker.ask_all``.
    """
    results: dict[int, Read | Failure] = {}
    pending = dict(enumerate(requests))
    for attempt in range(1, num_attempts + 1):
        outcomes = asker.ask_all(list(pending.values()))
        read = {place: _read(outcome, readers[place]) for place, outcome in zip(pending, outcomes, strict=True)}
        results |= read
        pending = {
            place: _again(requests[place], result, attempt + 1, num_attempts)
            for place, result in read.items()
            if isinstance(result, Failure) and result.reason in _ASKED_AGAIN
        }
    return [results[place] for place in range(len(requests))]


def read_form(text: str, form: type[Form]) -> Form:
    """A reply as an object of ``form``, alone or as the one code block of the reply; nothing is converted or guessed.

    Raises:
        OffFormError: it is not JSON, has a key twice, or breaks the form.
    """
    block = _BLOCK.fullmatch(text.strip())
    try:
        value = json.loads(block.group(1) if block else text, object_pairs_hook=_object)
    except RecursionError as error:
        raise OffFormError("it is nested too deeply") from error
    except ValueError as error:
        told = str(error) if isinstance(error, OffFormError) else "it is not one JSON object and nothing else"
        raise OffFormError(told) from error
    try:
        return form.model_validate(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "extra_forbidden":  # the key is the reply's own word
            place, problem = first["loc"][:-1], "has a key that was not asked for"
        else:
            place, problem = first["loc"], first["msg"]
        raise OffFormError(f"{'.'.join(map(str, place)) or 'the object'}: {problem}") from error


def schema_of(form: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a form in one piece, since servers differ in whether they follow references."""
    schema = form.model_json_schema()
    definitions = schema.pop("$defs", {})

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(item) for item in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return whole(definitions[part["$ref"].rpartition("/")[2]])
        return {key: whole(value) for key, value in part.items() if key != "title" or isinstance(value, dict)}

    complete: dict[str, Any] = whole(schema)
    return complete


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise OffFormError("a key stands twice in one object")
    return found


def _read(outcome: Outcome, reader: Callable[[str], Read]) -> Read | Failure:
    if isinstance(outcome, Failure):
        return outcome
    try:
        return reader(outcome.text)
    except OffFormError as error:
        return Failure("off-form", str(error), outcome.spent, outcome.text)


def _again(request: Request, failure: Failure, attempt: int, num_attempts: int) -> Request:
    """The same request, told what was wrong; the number of the attempt keeps it apart from answers that were kept."""
    problem = failure.detail if failure.reason == "off-form" else f"it was {failure.reason}"
    note = (
        f"\n\nYour last reply could not be used: {problem}. "
        f"Reply in the form asked for and with nothing else (attempt {attempt} of {num_attempts})."
    )
    *earlier, last = request.messages
    return replace(request, messages=(*earlier, replace(last, content=last.content + note)))
