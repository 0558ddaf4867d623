"""Writing values into the text of a situation file: the values are written anew, and every other byte stays.

ruamel.yaml says where a value stands and how the new one is written. Its own round trip of a whole file is not used: it
would wrap the verdicts of situations that nobody touched, with spaces at the ends of lines.
"""

import io
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beneficent.core.errors import DataError
from beneficent.core.installation import require
from beneficent.situations.audit import MOST_COLUMNS

_ENDLESS = 1 << 20


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: nodes of ruamel.yaml."""

    mapping: Any
    """What holds the value."""
    key: Any
    value: Any


def is_message(key: str) -> bool:
    """Whether the value of an editable key is a message, which keeps its line ends."""
    return key.startswith(("system", "messages"))


def with_values(text: str, id: str, values: Mapping[str, str]) -> str:
    """A file's text with values of one situation replaced.

    Args:
        id: of a situation that the file holds.
        values: by key, as ``editing.editable`` names them, or ``review``; keys that the situation has.

    Raises:
        DataError: the file cannot be read by ruamel.yaml, or a value has an anchor or a tag.
    """
    yaml = require("ruamel.yaml", "web")
    try:
        root = yaml.YAML().compose(text)
    except yaml.error.YAMLError as error:
        raise DataError(f"{id}: its file is not YAML for the editor: {error}") from error
    situations = _pair(root, "situations")[1].value
    situation = next(node for node in situations if _pair(node, "id")[1].value == id)
    spans = [_replacement(text, _locate(situation, key), key, value) for key, value in values.items()]
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _pair(mapping: Any, key: str) -> tuple[Any, Any]:
    """The nodes of a key and of its value in a mapping node."""
    return next((own, value) for own, value in mapping.value if own.value == key)


def _locate(situation: Any, key: str) -> _Place:
    """The place of ``rubric[1].text`` or ``tags.stakes``."""
    mapping = own = None
    node = situation
    for part in re.findall(r"\w+", key):
        if part.isdigit():
            node = node.value[int(part) - 1]
        else:
            mapping = node
            own, node = _pair(mapping, part)
    return _Place(mapping, own, node)


def _replacement(text: str, place: _Place, key: str, value: str) -> tuple[int, int, str]:
    """Where a value begins and ends in the text, and what to put there."""
    start, end = place.value.start_mark.index, place.value.end_mark.index
    if text[start] in "&!":
        raise DataError(f"{key} has a YAML anchor or tag; it can only be edited in the file itself")
    old = text[start:end]
    below = old[len(old.rstrip()) :]
    if place.mapping.flow_style or not value:
        scalars = require("ruamel.yaml.scalarstring", "web")
        return start, end, _dumped(scalars.DoubleQuotedScalarString(value)) + below
    is_block = place.value.style in ("|", ">")
    line = value if key.endswith(".points") else _dumped(value)
    if not is_message(key) and not is_block and place.value.start_mark.column + len(line) <= MOST_COLUMNS:
        return start, end, line
    # A comment behind the old value goes on behind the new one's sign; blank lines below a block stay below it.
    if is_block:
        comment = re.sub(r"^[|>][0-9+-]*", "", old.partition("\n")[0])
    else:
        comment = text[end:].partition("\n")[0]
        end += len(comment)
    return start, end, _block(value, is_message(key), place.key.start_mark.column, comment) + below


def _block(value: str, is_literal: bool, column: int, comment: str) -> str:
    """A block text for a key that stands at a column: literal, or folded to the width of a line."""
    scalars = require("ruamel.yaml.scalarstring", "web")
    if is_literal:
        block = scalars.LiteralScalarString(value + "\n")
    else:
        lines = textwrap.wrap(value, MOST_COLUMNS - column - 2, break_long_words=False, break_on_hyphens=False)
        block = scalars.FoldedScalarString(" ".join(lines) + "\n")
        block.fold_pos = [sum(len(line) + 1 for line in lines[:place]) - 1 for place in range(1, len(lines))]
    sign, *rest = _dumped(block).split("\n")
    return "\n".join([sign + comment.rstrip(), *(" " * column + line if line else "" for line in rest)])


def _dumped(value: Any) -> str:
    """A value as ruamel.yaml writes it behind a key; the lines of a block stand two columns in."""
    yaml = require("ruamel.yaml", "web").YAML()
    yaml.width = _ENDLESS
    out = io.StringIO()
    yaml.dump({"k": value}, out)
    return out.getvalue().removeprefix("k: ").rstrip("\n")
