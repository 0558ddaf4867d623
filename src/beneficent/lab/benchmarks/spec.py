"""A lab benchmark as a file: ``library/<name>.yaml``, read and checked.

Keys (the file name is the benchmark's name)::

    title, family, format, scorer, version, loads_on, templates, good, bad     always
    health, traffic, trained_format, role, chance, falls_when_cautious, note   as in ``benchmarks.types.Card``
    domains     filler files the items go through in turn (default: all but mental-health and everyday)
    words       extra slots of this benchmark: {name: [values]}
    limit       for scorers that count words
    signs       for scorers of free answers: one or more names of ``signs/*.yaml``
    num_items   default 64

A template is the user's text, or a list of turns that begins and ends with the user's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from beneficent.benchmarks.types import Card
from beneficent.core.errors import DataError

_FOLDER = Path(__file__).parent
Role = Literal["alignment", "capability", "chat", "monitoring"]

_REQUIRED = ("title", "family", "format", "scorer", "version", "templates")
_CARD_KEYS = ("title", "family", "format", "scorer", "version", "health", "traffic", "trained_format", "role",
              "chance", "falls_when_cautious", "note")  # fmt: skip
_OWN_KEYS = ("loads_on", "templates", "good", "bad", "domains", "words", "limit", "num_items", "signs")


@dataclass(frozen=True)
class Spec:
    """One benchmark file; ``good`` and ``bad`` are phrases whose meaning the format gives."""

    card: Card
    templates: tuple[tuple[str, ...], ...]
    good: tuple[str, ...]
    bad: tuple[str, ...]
    domains: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limit: int | None = None
    signs: str | None = None
    num_items: int = 64


@cache
def fillers() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """The benchmarks' own fillers by domain and slot kind; none of them occurs in the training language.

    Raises:
        DataError: there are none.
    """
    found = {}
    for path in sorted((_FOLDER / "fillers").glob("*.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        found[path.stem] = {kind: tuple(values) for kind, values in data.items() if kind != "title"}
    if not found:
        raise DataError("lab/benchmarks/fillers: no files; allowed: one <domain>.yaml or more")
    return found


def _strings(path: Path, data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = data.get(key, [])
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise DataError(f"{path.name}: {key} is {values!r}; allowed: a list of texts")
    return tuple(values)


def _template(path: Path, value: Any) -> tuple[str, ...]:
    turns = [value] if isinstance(value, str) else value
    if not isinstance(turns, list) or len(turns) % 2 == 0 or not all(isinstance(t, str) for t in turns):
        raise DataError(f"{path.name}: template {value!r}; allowed: a text, or an odd number of turns")
    return tuple(turns)


def read_spec(path: Path) -> Spec:
    """Read one file.

    Raises:
        DataError: a key is missing, unknown or of the wrong type; the message names file, key and value.
    """
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    missing = [key for key in _REQUIRED if key not in data]
    unknown = sorted(set(data) - set(_CARD_KEYS) - set(_OWN_KEYS))
    if missing or unknown:
        raise DataError(f"{path.name}: missing keys {missing}, unknown keys {unknown}")
    if data.get("role", "alignment") not in get_args(Role):
        raise DataError(f"{path.name}: role is {data['role']!r}; allowed: {get_args(Role)}")
    domains = _strings(path, data, "domains") or tuple(d for d in fillers() if d not in ("mental-health", "everyday"))
    strange = set(domains) - fillers().keys()
    if strange:
        raise DataError(f"{path.name}: domains {sorted(strange)}; allowed: {sorted(fillers())}")
    card = {key: data[key] for key in _CARD_KEYS if key in data}
    return Spec(
        card=Card(name=path.stem, loads_on=_strings(path, data, "loads_on"), **{"health": False, **card}),
        templates=tuple(_template(path, t) for t in data["templates"]),
        good=_strings(path, data, "good"),
        bad=_strings(path, data, "bad"),
        domains=domains,
        words={name: tuple(values) for name, values in data.get("words", {}).items()},
        limit=data.get("limit"),
        signs=data.get("signs"),
        num_items=data.get("num_items", 64),
    )
