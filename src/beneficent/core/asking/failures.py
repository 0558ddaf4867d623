"""From whatever a provider's library raises to one reason, and one line without keys.

The libraries share no base class, so the reason is read from what they do share: the HTTP status they carry, and the
kind of error their names state.
"""

import os
import re
from collections.abc import Iterator

from beneficent.core.asking.types import Failure, Reason, Spent

_MOST_SHOWN = 300
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)$")
_SECRET_TEXT = re.compile(r"\b(?:sk|pk|key)-[\w*.-]{6,}|(?<=Bearer )\S+|(?<=://)[^/@\s]+(?=@)")
_SHORTEST_SECRET = 8
_BAD_FORM = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What reading an answer that is not of the protocol ends in; a JSON or pydantic error is a ValueError too."""


def failure_of(error: Exception, spent: Spent) -> Failure:
    """The failure that an exception of a call stands for."""
    chain = list(_causes(error))
    # A retrying wrapper says nothing of its own; what it gave up on is its cause.
    told = next((cause for cause in chain if type(cause).__name__ != "RetryError"), error)
    message = getattr(told, "provider_message", None) or str(told)
    return Failure(_reason(chain), without_keys(f"{type(told).__name__}: {message}"), spent)


def without_keys(text: str) -> str:
    """One short line in which everything that is, or looks like, a key is replaced."""
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name.upper()) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "[key]")
    line = " ".join(_SECRET_TEXT.sub("[key]", text).split())
    return line if len(line) <= _MOST_SHOWN else line[: _MOST_SHOWN - 3] + "..."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(chain: list[BaseException]) -> Reason:
    if any("Timeout" in type(cause).__name__ for cause in chain):
        return "timeout"
    status = next((status for status in map(_status, chain) if status is not None), None)
    if status is not None:
        return _reason_of_status(status)
    if any(isinstance(cause, OSError) or "Connect" in type(cause).__name__ for cause in chain):
        return "unreachable"
    names_bad_form = any("ResponseError" in type(cause).__name__ for cause in chain)
    return "malformed" if names_bad_form or isinstance(chain[0], _BAD_FORM) else "other"


def _status(error: BaseException) -> int | None:
    """The HTTP status an error carries: ``status_code`` in most libraries, ``code`` in Google's."""
    for name in ("status_code", "code"):
        value = getattr(error, name, None)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def _reason_of_status(status: int) -> Reason:
    match status:
        case 401 | 403:
            return "no-key"
        case 408:
            return "timeout"
        case 429:
            return "rate-limited"
        case _:
            return "server-error" if status >= 500 else "not-accepted"
