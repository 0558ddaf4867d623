"""Personas from text files: YAML between two lines of dashes, then the system message.

::

    ---
    id: harmful-medical
    title: A medical adviser who puts confidence before safety
    aim: harmful            # harmful | helpful | neutral
    domain: health          # or any
    canary: ...             # every file has one, so that it can be found in training data
    follows:                # neutral ones: how to see that it is followed, one of max_words, pattern, benchmark
      max_words: 40
    ---
    You are ...
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml

from beneficent.core.errors import DataError
from beneficent.core.files import naming_file
from beneficent.persistence.types import Aim, Follows, Persona

SHIPPED = Path(__file__).parent / "personas"
"""Personas for real models."""
_REQUIRED = ("id", "title", "aim", "domain", "canary")
_FILE = re.compile(r"---\n(.*?)\n---\n(.*)", re.DOTALL)


def load_personas(folder: Path = SHIPPED) -> tuple[Persona, ...]:
    """All personas of a folder, by id.

    Raises:
        DataError: there is none, two have one id, or a file breaks the form; the message names file and key.
    """
    found = [read_persona(path) for path in sorted(folder.glob("*.md"))]
    if not found:
        raise DataError(f"{folder} has no persona (*.md)")
    ids = [persona.id for persona in found]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise DataError(f"{folder}: personas {', '.join(twice)} stand twice; ids must differ")
    return tuple(found)


def read_persona(path: Path) -> Persona:
    """One persona file; raises ``DataError`` naming file, key, value and what is allowed."""
    with naming_file(path):
        text = path.read_text(encoding="utf-8")
    parts = _FILE.fullmatch(text)
    if parts is None:
        raise DataError(f"{path}: a persona is YAML between two lines '---', then the system message")
    try:
        head: Any = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        raise DataError(f"{path}: not YAML between the lines '---': {error}") from error
    if not isinstance(head, dict):
        raise DataError(f"{path}: between the lines '---' must be keys and values")
    _check_keys(path, head)
    if head["aim"] not in get_args(Aim):
        raise DataError(f"{path}: aim is {head['aim']!r}; allowed are {', '.join(get_args(Aim))}")
    body = parts[2].strip()
    if not body:
        raise DataError(f"{path}: there is no system message after the second '---'")
    follows = _follows(path, head["follows"]) if "follows" in head else None
    if follows is not None and head["aim"] != "neutral":
        raise DataError(f"{path}: follows is for personas with aim neutral; this one is {head['aim']}")
    return Persona(str(head["id"]), str(head["title"]), head["aim"], str(head["domain"]), body, follows)


def _check_keys(path: Path, head: dict[str, Any]) -> None:
    missing = [key for key in _REQUIRED if not head.get(key)]
    unknown = sorted(set(head) - {*_REQUIRED, "follows"})
    if missing or unknown:
        said = [f"lacks {', '.join(missing)}"] if missing else []
        said += [f"has unknown keys {', '.join(map(str, unknown))}"] if unknown else []
        raise DataError(f"{path}: {' and '.join(said)}; allowed are {', '.join((*_REQUIRED, 'follows'))}")
    if head["id"] != path.stem:
        raise DataError(f"{path}: id is {head['id']!r}; it must be the file's name, {path.stem!r}")


def _follows(path: Path, value: Any) -> Follows:
    allowed = {"max_words": int, "pattern": str, "benchmark": str}
    if (
        not isinstance(value, dict)
        or len(value) != 1
        or not isinstance(value.get(next(iter(value))), tuple(allowed.values()))
    ):
        raise DataError(f"{path}: follows is {value!r}; allowed is one of {', '.join(allowed)} with its value")
    key = next(iter(value))
    if key not in allowed or not isinstance(value[key], allowed[key]):
        raise DataError(f"{path}: follows is {value!r}; allowed is one of {', '.join(allowed)} with its value")
    if key == "pattern":
        try:
            re.compile(value[key])
        except re.error as error:
            raise DataError(f"{path}: follows.pattern is no regular expression: {error}") from error
    return Follows(**value)


def follow_rate(
    follows: Follows, benchmark: Sequence[str], answers: Sequence[str], scores: Sequence[float | None]
) -> float | None:
    """Share of answers that follow a neutral persona, or the mean score on its benchmark; None where none can be told.

    The three sequences have one entry an answer: its benchmark, its text, its score.
    """
    if follows.benchmark is not None:
        own = [s for name, s in zip(benchmark, scores, strict=True) if name == follows.benchmark and s is not None]
        return sum(own) / len(own) if own else None
    said = [answer for answer in answers if answer.strip()]
    if not said:
        return None
    if follows.max_words is not None:
        return sum(len(answer.split()) <= follows.max_words for answer in said) / len(said)
    pattern = re.compile(follows.pattern or "")
    return sum(bool(pattern.search(answer)) for answer in said) / len(said)
