"""The forms of the model's replies. Reading one cleans its texts, since they end up in files, prompts and terminals."""

import re
import textwrap
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

WIDEST_LINE = 100
"""Signs of a line of prose in a written file; indented it stays under the library's limit of 120."""
_MOST_SIGNS_OF_A_SLUG = 60
_JOINERS = "\u200c\u200d"
"""The invisible signs that some scripts and emoji are spelt with."""
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def cleaned(text: str) -> str:
    """A text as the library can hold it: no tabs, control or direction signs, one kind of space, no overlong prose.

    Blocks between ``` lines, tables and indented lines keep their line breaks as they are.
    """
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    "))
    kept = "".join(map(_plain, plain))
    lines: list[str] = []
    in_block = False
    for line in kept.split("\n"):
        is_mark = line.lstrip().startswith("```")
        in_block ^= is_mark
        is_fixed = in_block or is_mark or line.startswith((" ", "|")) or len(line) <= WIDEST_LINE
        lines += [line.rstrip()] if is_fixed else textwrap.wrap(line, WIDEST_LINE, break_long_words=False)
    return "\n".join(lines).strip("\n")


def _plain(sign: str) -> str:
    """The sign; nothing for one that is no text, and a common space for any other kind of space."""
    if sign == "\n" or sign in _JOINERS:
        return sign
    kind = unicodedata.category(sign)
    return " " if kind == "Zs" else "" if kind[0] in "CZ" else sign


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty")
    return text


def _one_line(text: str) -> str:
    return " ".join(cleaned(text).split())


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text) or len(text) > _MOST_SIGNS_OF_A_SLUG:
        raise ValueError(f"allowed are a-z, 0-9 and single hyphens, {_MOST_SIGNS_OF_A_SLUG} signs at most")
    return text


def _not_zero(points: int) -> int:
    if points == 0:
        raise ValueError("allowed is a whole number above zero (to do) or below (to avoid)")
    return points


Text = Annotated[str, AfterValidator(cleaned), AfterValidator(_not_blank)]
Line = Annotated[str, AfterValidator(_one_line), AfterValidator(_not_blank)]
Slug = Annotated[str, AfterValidator(_slug)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlannedScene(_Form):
    slug: Slug
    scene: Line


class Scenes(_Form):
    scenes: list[PlannedScene]


class DraftTurn(_Form):
    role: Literal["user", "assistant"]
    content: Text


class Draft(_Form):
    locale: Line
    system: Text | None
    turns: list[DraftTurn]

    def __str__(self) -> str:
        system = [f"[system]\n{self.system}"] if self.system is not None else []
        return "\n\n".join(system + [f"[{turn.role}]\n{turn.content}" for turn in self.turns])


class Critique(_Form):
    faults: list[Line]


class RubricLine(_Form):
    id: Slug
    points: Annotated[int, AfterValidator(_not_zero)]
    text: Line


class Rubric(_Form):
    criteria: list[RubricLine]


class ExpectedVerdicts(_Form):
    criterion: str
    good: bool
    failing: bool


class Answers(_Form):
    good: Text
    failing: Text
    verdicts: list[ExpectedVerdicts]
