"""Reading YAML by its nodes, so that whatever breaks the rules is named with its line.

Scalars are read as the text they are, never guessed at (YAML reads a bare ``no`` as false). What is wrong becomes a
finding and reading goes on with a stand-in value, so that one reading reports everything; a caller drops what had
findings. A node that is None stands for a missing key, which was reported where it was missed.
"""

from collections.abc import Sequence
from math import isfinite
from typing import TypeVar

import yaml

from beneficent.situations.findings import Finding

Choice = TypeVar("Choice", bound=str)
_MOST_SHOWN = 60
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""The C one is ten times as fast; a PyYAML built without it still works."""


class NodeReader:
    """Reads the nodes of one file and collects findings; ``where`` arguments name the key in messages."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self._lines: list[str] = []

    def parse(self, text: str) -> yaml.Node | None:
        """The root node; None, with a finding, if the text is not one YAML document."""
        self._lines = text.split("\n")
        try:
            root: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = " ".join(part for part in (error.context, error.problem) if part)
            self.report(mark.line + 1 if mark else 0, f"not YAML: {problem}")
            return None
        except yaml.YAMLError as error:
            self.report(0, f"not YAML: {error}")
            return None
        if root is None:
            self.report(1, "the file is empty")
        return root

    def report(self, line: int, message: str) -> None:
        """Note a schema error at a line (from 1; 0 for the whole file)."""
        self.findings.append(Finding(self.file, line, "schema", message))

    def fault(self, node: yaml.Node, where: str, message: str) -> None:
        """Note a schema error at a node."""
        self.report(line_of(node), f"{where} {message}")

    def mapping(
        self, node: yaml.Node | None, where: str, required: Sequence[str], optional: Sequence[str] = ()
    ) -> dict[str, yaml.Node]:
        """Values by key; unknown, doubled and missing keys are findings, and unknown ones are left out."""
        if node is None:
            return {}
        allowed = ", ".join((*required, *(f"{key} (optional)" for key in optional)))
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, where, f"is {shown(node)}; allowed is a mapping with the keys {allowed}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else shown(key_node)
            if key not in required and key not in optional:
                self.fault(key_node, where, f"has the unknown key {key!r}; allowed: {allowed}")
            elif key in found:
                self.fault(key_node, where, f"has the key {key!r} twice")
            else:
                found[key] = value
        missing = [key for key in required if key not in found]
        if missing:
            self.fault(node, where, f"lacks the key {', '.join(map(repr, missing))}; allowed: {allowed}")
        return found

    def items(self, node: yaml.Node | None, where: str) -> list[yaml.Node]:
        """The nodes of a list that is not empty."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.fault(node, where, f"is {shown(node)}; allowed is a list of at least one")
            return []
        return list(node.value)

    def text(self, node: yaml.Node | None, where: str) -> str:
        """A scalar that is not blank, without newlines at its ends."""
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self.fault(node, where, f"is {shown(node)}; allowed is text")
            return ""
        if self._is_cut(node):
            self.fault(
                node, where, f"ends with {shown_end(node)} because ' #' begins a comment; allowed is a block text"
            )
        return str(node.value).strip("\n").rstrip()

    def _is_cut(self, node: yaml.ScalarNode) -> bool:
        """Whether a plain text is followed by a comment: more likely words that were lost than a remark."""
        end = node.end_mark
        if node.style or end is None or end.line >= len(self._lines):
            return False
        return self._lines[end.line][end.column :].lstrip().startswith("#")

    def choice(self, node: yaml.Node | None, where: str, allowed: Sequence[Choice]) -> Choice:
        """One of the texts allowed."""
        if node is None:
            return allowed[0]
        for option in allowed:
            if node.value == option:
                return option
        self.fault(node, where, f"is {shown(node)}; allowed: {', '.join(allowed)}")
        return allowed[0]

    def number(self, node: yaml.Node | None, where: str) -> float:
        """A finite number that is not zero."""
        if node is None:
            return 1.0
        try:
            value = float(node.value) if isinstance(node, yaml.ScalarNode) else 0.0
        except ValueError:
            value = 0.0
        if value == 0 or not isfinite(value):
            self.fault(node, where, f"is {shown(node)}; allowed is a number above zero (to do) or below (to avoid)")
            return 1.0
        return value


def line_of(node: yaml.Node) -> int:
    """Line on which a node begins, from 1."""
    return int(node.start_mark.line) + 1


def shown_end(node: yaml.ScalarNode) -> str:
    """The end of a text in a message."""
    text = str(node.value)
    return repr(text if len(text) <= _MOST_SHOWN else "..." + text[3 - _MOST_SHOWN :])


def shown(node: yaml.Node) -> str:
    """A node's value in a message: short, on one line."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping" if node.value else "an empty mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list" if node.value else "an empty list"
    text = str(node.value)
    return repr(text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "...")
