"""The files of a library as they are now: each is read again when it has changed, and carries its digest."""

from dataclasses import dataclass
from pathlib import Path

from beneficent.core.errors import DataError
from beneficent.core.files import naming_file
from beneficent.core.hashing import bytes_digest
from beneficent.situations.findings import Finding
from beneficent.situations.loading import read_cell, read_library
from beneficent.situations.types import WrittenSituation


@dataclass(frozen=True, slots=True)
class CellFile:
    """One file as it was read, and what it held."""

    path: Path
    data: bytes
    digest: str
    situations: tuple[WrittenSituation, ...]
    faults: tuple[Finding, ...]


class LibraryFiles:
    """The files below a folder, or one file; a call sees what other programs changed since the last.

    Raises:
        DataError: there is no situation file.
        BeneficentError: a file cannot be read.
    """

    def __init__(self, library: Path) -> None:
        self.library = library.resolve()
        first = read_library(self.library).files[0]
        self.root = first.resolve().parents[1]
        """The folder that holds the domains' folders."""
        self._known: dict[Path, tuple[tuple[int, int], CellFile]] = {}

    def read(self) -> list[CellFile]:
        """Every file, by its path."""
        if self.library.is_file():
            paths = [self.library]
        else:
            paths = sorted(path.resolve() for path in self.library.rglob("*.yaml"))
        return [self._read(path) for path in paths if path.is_file()]

    def find(self, id: str) -> tuple[CellFile, WrittenSituation]:
        """A situation and its file, as they are now.

        Raises:
            DataError: no file holds it, or its file has a fault in it.
        """
        for cell in self.read():
            for written in cell.situations:
                if written.id == id:
                    return cell, written
        raise DataError(f"there is no situation {id!r} in {self.library} (any more)")

    def _read(self, path: Path) -> CellFile:
        with naming_file(path):
            state = path.stat()
            mark = (state.st_mtime_ns, state.st_size)
            known = self._known.get(path)
            if known is not None and known[0] == mark:
                return known[1]
            data = path.read_bytes()
        situations, faults = read_cell(path, data)
        cell = CellFile(path, data, bytes_digest(data), tuple(situations), tuple(faults))
        self._known[path] = (mark, cell)
        return cell
