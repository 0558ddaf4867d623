"""A cell's file with one more situation: dumped by PyYAML, added behind what is there, which stays byte for byte."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from beneficent.core.errors import DataError
from beneficent.situations.definitions import HEADER

_BLOCKS = ("system", "user", "assistant", "good", "failing")
"""Keys whose texts stand in literal blocks."""
_COLUMNS = 112


class _Block(str):
    """A text that is dumped as a literal block."""


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        # PyYAML would begin the items of a list in the column of its key; the library indents them.
        super().increase_indent(flow, False)


def _represent_block(dumper: yaml.SafeDumper, text: _Block) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


_Dumper.add_representer(_Block, _represent_block)


def with_entry(text: str | None, trait: str, domain: str, entry: Mapping[str, Any], file: Path) -> str:
    """The content of a cell's file with an entry more; ``text`` is what it holds now, or None if it is not there.

    Raises:
        DataError: the file is laid out so that nothing can be added at its end; the message names it.
    """
    if text is None:
        return f"{HEADER}\n{_dumped({'trait': trait, 'domain': domain, 'situations': [_blocks(entry)]})}"
    added = _dumped({"situations": [_blocks(entry)]})
    _, _, lines = added.partition("\n")
    longer = f"{text.rstrip()}\n{lines}"
    before, after = _situations(text), _situations(longer)
    if before is None or after != [*before, *(_situations(added) or [])]:
        raise DataError(
            f"{file}: nothing can be added at its end; allowed is a file whose last key is 'situations', with its "
            "entries indented by two (choose another --out, and bring the files together by hand)"
        )
    return longer


def _dumped(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_COLUMNS)
    return text


def _blocks(value: Any, key: str = "") -> Any:
    """The value with the texts of ``_BLOCKS`` marked, each ended by a newline as in the library."""
    if isinstance(value, Mapping):
        return {name: _blocks(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_blocks(part) for part in value]
    return _Block(value + "\n") if key in _BLOCKS and isinstance(value, str) else value


def _situations(text: str) -> list[Any] | None:
    """The entries of a file, every scalar as text; None if it has none or cannot be read."""
    try:
        content = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return None
    found = content.get("situations") if isinstance(content, dict) else None
    return found if isinstance(found, list) else None
