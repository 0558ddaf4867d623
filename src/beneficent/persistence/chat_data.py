"""Examples from a chat JSONL file: one ``{"messages": [{"role": ..., "content": ...}, ...]}`` a line.

The last message is the assistant's and is what is learnt; everything before it is the prompt.
"""

import json
from pathlib import Path
from typing import Any, get_args

from beneficent.core.errors import DataError
from beneficent.core.files import naming_file
from beneficent.situations.types import Message, Role
from beneficent.training.examples import Example


def read_chat(path: Path) -> tuple[Example, ...]:
    """All examples of a file, with the line numbers as ids.

    Raises:
        DataError: a line is no conversation that ends with the assistant, or there is none; file and line are named.
        BeneficentError: the file cannot be read.
    """
    found = []
    with naming_file(path), path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                found.append(_example(line, f"{path}:{number}"))
    if not found:
        raise DataError(f"{path} has no example; allowed is one conversation a line")
    return tuple(found)


def _example(line: str, place: str) -> Example:
    try:
        value: Any = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: not JSON ({error})") from error
    turns = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(turns, list) or len(turns) < 2:
        raise DataError(f'{place}: allowed is {{"messages": [...]}} with at least two messages')
    messages = [_message(turn, place) for turn in turns]
    roles = [message.role for message in messages]
    if roles[-1] != "assistant" or roles[-2] != "user":
        raise DataError(f"{place}: the last messages are of {roles[-2:]}; allowed are user, then assistant")
    if not messages[-1].content.strip():
        raise DataError(f"{place}: the last message is empty; it is what would be learnt")
    return Example(place, tuple(messages[:-1]), messages[-1].content)


def _message(turn: Any, place: str) -> Message:
    known = isinstance(turn, dict) and turn.get("role") in get_args(Role) and isinstance(turn.get("content"), str)
    if not known:
        raise DataError(
            f"{place}: a message is {str(turn)[:80]!r}; allowed are objects with role "
            f"({', '.join(get_args(Role))}) and content (text)"
        )
    return Message(turn["role"], turn["content"])
