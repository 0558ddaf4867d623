"""Prompts as text files: Jinja templates beside the code that fills them."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from beneficent.core.files import naming_file
from beneficent.core.hashing import digest

_TEMPLATE_MARK = re.compile(r"<(?=[|｜]|/?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn)>)|\[(?=/?(?:INST|SYS)\])")
"""Openings of the marks that end a turn in common chat templates; a server may obey them inside a message."""


@dataclass(frozen=True)
class Prompt:
    """``Prompt(Path("prompt.jinja")).render(trait="...")``. A name that the template uses and nobody gave is an error.

    What is filled in is text and never read as a template. ``Prompt.source`` belongs into the digest of whatever the
    prompt decides.
    """

    file: Path

    @cached_property
    def source(self) -> str:
        """The template's text; raises ``BeneficentError`` if it cannot be read."""
        with naming_file(self.file):
            return self.file.read_text(encoding="utf-8")

    @cached_property
    def _template(self) -> Template:
        # Prompts are plain text: escaping for HTML would change what the model reads.
        environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        return environment.from_string(self.source)

    def render(self, **values: Any) -> str:
        """The prompt with its values.

        Raises:
            jinja2.UndefinedError: a value is missing.
        """
        return self._template.render(values)


def fence_for(*texts: str) -> str:
    """A line's beginning that stands in none of the texts and that nobody who wrote one of them could foresee.

    It is drawn from the texts, so that equal requests stay equal.
    """
    number = 0
    while any((fence := f"=={digest([number, *texts])[:16]}==") in text for text in texts):
        number += 1
    return fence


def disarmed(text: str) -> str:
    """The text with a space inside whatever looks like a chat template's own marks, such as ``<|im_end|>``."""
    return _TEMPLATE_MARK.sub(lambda match: match.group() + " ", text)
