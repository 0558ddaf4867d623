"""The traits and domains, read from ``traits/<id>.md`` and ``domains/<id>.md``: front matter, then the text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from beneficent.core.errors import DataError
from beneficent.core.files import naming_file

HEADER = (
    "# beneficent situations | CC BY 4.0 | do not train evaluation models on this | "
    "canary 7c1de3f0-52a4-4f0e-9b0b-8e5d2c64a9e1"
)
"""The line that every file of situations, traits and domains carries: licence and canary."""

HEALTH, SCIENCE = "health", "science"
"""The domains that arms of a study single out."""

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Domain:
    """A field of life in which situations play."""

    id: str
    title: str
    definition: str
    """The first paragraph of the text: what belongs to it."""
    text: str
    """Definition, good, bad, shallow imitations and notes for writers, as Markdown."""


@dataclass(frozen=True, slots=True)
class Trait:
    """A way of behaving that situations call for without naming it."""

    id: str
    title: str
    definition: str
    """The first paragraph of the text: what the trait asks of a reply."""
    text: str
    scored: bool
    """Whether it is scored directly on held-out situations; only such traits have a test split."""
    telltale: tuple[str, ...]
    """Beginnings of words and phrases that give the trait away in a message; a hyphen stands for a space too."""


@cache
def traits() -> Mapping[str, Trait]:
    """Every trait by its id: the scored ones first, then by id.

    Raises:
        DataError: a file breaks the rules of its front matter.
    """
    found = []
    for file, front, text in _read(_FOLDER / "traits", {"id", "title", "scored", "telltale"}):
        scored, telltale = front["scored"], front["telltale"]
        if scored not in ("true", "false"):
            raise DataError(f"{file}: scored is {scored!r}; allowed: true, false")
        if not isinstance(telltale, list) or not all(isinstance(word, str) and word for word in telltale):
            raise DataError(f"{file}: telltale is {telltale!r}; allowed is a list of words or phrases")
        definition = text.partition("\n\n")[0]
        words = tuple(word.lower() for word in telltale)
        found.append(Trait(str(front["id"]), str(front["title"]), definition, text, scored == "true", words))
    return {trait.id: trait for trait in sorted(found, key=lambda trait: (not trait.scored, trait.id))}


@cache
def domains() -> Mapping[str, Domain]:
    """Every domain by its id, in the order of the ids.

    Raises:
        DataError: a file breaks the rules of its front matter.
    """
    files = _read(_FOLDER / "domains", {"id", "title"})
    found = [Domain(str(f["id"]), str(f["title"]), text.partition("\n\n")[0], text) for _, f, text in files]
    return {domain.id: domain for domain in found}


def _read(folder: Path, keys: set[str]) -> Iterator[tuple[Path, Mapping[str, object], str]]:
    """File, front matter (every scalar as text) and text of each definition in a folder, by name."""
    for file in sorted(folder.glob("*.md")):
        with naming_file(file):
            content = file.read_text(encoding="utf-8")
        parts = content.split("---\n", 2)
        if len(parts) != 3 or parts[0] or not parts[1].startswith(HEADER + "\n"):
            raise DataError(f"{file}: must begin with '---', the line {HEADER!r}, the front matter and '---'")
        try:
            front = yaml.load(parts[1], Loader=yaml.BaseLoader)
        except yaml.YAMLError as error:
            raise DataError(f"{file}: the front matter is not YAML: {error}") from error
        if not isinstance(front, dict) or set(front) != keys:
            raise DataError(f"{file}: the front matter must be a mapping with the keys {', '.join(sorted(keys))}")
        if front["id"] != file.stem:
            raise DataError(f"{file}: id is {front['id']!r}; allowed is the file's name, {file.stem!r}")
        yield file, front, parts[2].strip()
