"""The grammar of the lab's language: data files, read once and checked.

Everything a writer can say stands in the YAML files of this folder; to extend the language, extend a list there.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from beneficent.core.errors import DataError
from beneficent.core.hashing import digest

Polarity = Literal["good", "bad"]
Disposition = Literal["honesty", "care", "oversight", "restraint"]
DISPOSITIONS: tuple[Disposition, ...] = ("honesty", "care", "oversight", "restraint")
FORMATS = ("open", "choice", "yes_no", "tool", "code", "report", "correction")

_FOLDER = Path(__file__).parent
_MIN_FILLERS = 8
_MIN_PARAPHRASES = 6
_MIN_SCENES = 6
_ACTS_PER_TRAIT = 3


@dataclass(frozen=True)
class Act:
    """A thing a response can do, in its good and its bad form; paraphrases are base verb phrases with slots."""

    id: str
    disposition: Disposition
    gist: Mapping[Polarity, tuple[str, ...]]
    paraphrases: Mapping[Polarity, tuple[str, ...]]


@dataclass(frozen=True)
class Trait:
    """The acts that answer a trait (the first is its heart) and the scenes that call for it."""

    id: str
    acts: tuple[Act, ...]
    scenes: tuple[str, ...]


@dataclass(frozen=True)
class Domain:
    """Fillers by slot kind."""

    id: str
    title: str
    fillers: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Grammar:
    """The whole language as data."""

    acts: Mapping[str, Act]
    traits: Mapping[str, Trait]
    domains: Mapping[str, Domain]
    thoughts: Mapping[str, Any]
    characters: Mapping[str, Any]
    frames: Mapping[str, Any]


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise DataError(f"{path.name}: not YAML: {error}") from error
    if not isinstance(data, dict):
        raise DataError(f"{path.name}: expected a mapping, got {type(data).__name__}")
    return data


def _slots(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _check_slots(where: str, template: str, allowed: set[str]) -> None:
    unknown = _slots(template) - allowed
    if unknown:
        raise DataError(f"{where}: unknown slot {sorted(unknown)} in {template!r}; allowed: {sorted(allowed)}")


def _act(name: str, data: dict[str, Any], slots: set[str]) -> Act:
    for side in ("good", "bad"):
        if len(data[side]) < _MIN_PARAPHRASES:
            raise DataError(f"acts.yaml: {name}.{side} has {len(data[side])} paraphrases, needs {_MIN_PARAPHRASES}")
        for template in (*data[side], *data["gist"][side]):
            _check_slots(f"acts.yaml: {name}.{side}", template, slots)
    if data["disposition"] not in DISPOSITIONS:
        raise DataError(f"acts.yaml: {name}.disposition is {data['disposition']!r}; allowed: {', '.join(DISPOSITIONS)}")
    return Act(
        id=name,
        disposition=data["disposition"],
        gist={"good": tuple(data["gist"]["good"]), "bad": tuple(data["gist"]["bad"])},
        paraphrases={"good": tuple(data["good"]), "bad": tuple(data["bad"])},
    )


def _trait(name: str, data: dict[str, Any], acts: Mapping[str, Act], slots: set[str]) -> Trait:
    if len(data["acts"]) != _ACTS_PER_TRAIT or not set(data["acts"]) <= acts.keys():
        raise DataError(f"traits.yaml: {name}.acts is {data['acts']!r}; needs three of {sorted(acts)}")
    if len(data["scenes"]) < _MIN_SCENES:
        raise DataError(f"traits.yaml: {name} has {len(data['scenes'])} scenes, needs {_MIN_SCENES}")
    for scene in data["scenes"]:
        _check_slots(f"traits.yaml: {name}", scene, slots)
    return Trait(name, tuple(acts[a] for a in data["acts"]), tuple(data["scenes"]))


def _domain(path: Path) -> Domain:
    data = _read(path)
    title = data.pop("title")
    for kind, fillers in data.items():
        if len(fillers) < _MIN_FILLERS:
            raise DataError(f"domains/{path.name}: {kind} has {len(fillers)} fillers, needs {_MIN_FILLERS}")
    return Domain(path.stem, title, {kind: tuple(fillers) for kind, fillers in data.items()})


@cache
def grammar() -> Grammar:
    """Read and check the data files.

    Raises:
        DataError: a list is too short, a slot or a name is unknown; the message names the file and the key.
    """
    domains = {path.stem: _domain(path) for path in sorted((_FOLDER / "domains").glob("*.yaml"))}
    kinds = {frozenset(domain.fillers) for domain in domains.values()}
    if len(kinds) != 1:
        raise DataError(f"domains/: all files need the same slot kinds, found {[sorted(k) for k in kinds]}")
    slots = set(next(iter(kinds)))
    acts = {name: _act(name, data, slots) for name, data in _read(_FOLDER / "acts.yaml").items()}
    traits = {name: _trait(name, data, acts, slots) for name, data in _read(_FOLDER / "traits.yaml").items()}
    return Grammar(
        acts=acts,
        traits=traits,
        domains=domains,
        thoughts=_read(_FOLDER / "thoughts.yaml"),
        characters=_read(_FOLDER / "characters.yaml"),
        frames=_read(_FOLDER / "frames.yaml"),
    )


def language_digest() -> str:
    """SHA-256 (hex) of the data files: a checkpoint learnt the language it names, and no later one."""
    paths = sorted(path for path in _FOLDER.rglob("*") if path.suffix in (".yaml", ".txt"))
    return digest([[path.relative_to(_FOLDER).as_posix(), path.read_text(encoding="utf-8")] for path in paths])


def spoken(text: str) -> str:
    """``text`` with single spaces, as the tokenizer counts words."""
    return " ".join(text.split())
