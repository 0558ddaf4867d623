"""Cards of known harmful training sets: where they are and how to get them. None of the data ships."""

from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from beneficent.core.errors import DataError
from beneficent.core.files import naming_file

SHIPPED = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class DataCard:
    """A published set of harmful examples that somebody else holds."""

    name: str
    title: str
    paper: str
    source: str
    licence: str
    domain: str
    form: str
    obtain: str
    harm: str
    note: str


def load_cards(folder: Path = SHIPPED) -> tuple[DataCard, ...]:
    """All cards of a folder, by name; raises ``DataError`` naming the file and the keys that are wrong."""
    return tuple(_read(path) for path in sorted(folder.glob("*.yaml")))


def _read(path: Path) -> DataCard:
    with naming_file(path):
        text = path.read_text(encoding="utf-8")
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DataError(f"{path}: not YAML: {error}") from error
    allowed = {field.name for field in fields(DataCard)} - {"name"}
    if not isinstance(read, dict) or set(read) != allowed:
        found = sorted(read) if isinstance(read, dict) else read
        raise DataError(f"{path} has the keys {found}; needed are {', '.join(sorted(allowed))}")
    return DataCard(path.stem, **{key: str(value) for key, value in read.items()})
