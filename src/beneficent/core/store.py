"""Rows on disk as numbered immutable Parquet parts, named in a manifest that is replaced atomically.

Only parts in the manifest exist for a reader, so a process killed between the two writes leaves the rows as they were.
One process writes to a folder at a time.
"""

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from beneficent.core.errors import CorruptFileError
from beneficent.core.files import naming_file, read_json, write_bytes, write_json
from beneficent.core.hashing import bytes_digest, digest

MANIFEST = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True)
class _Part:
    """One line of the manifest; ``note`` is whatever the writer wants to keep with exactly these rows."""

    name: str
    num_rows: int
    sha256: str
    note: dict[str, Any] = field(default_factory=dict)


class Parts:
    """The rows of one folder.

    ``Parts(folder).append([{"step": 0, "reward": 0.5}])`` writes ``part-000001.parquet`` and then the manifest.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def append(self, rows: Sequence[Mapping[str, Any]], note: Mapping[str, Any] | None = None) -> None:
        """Add rows as one part, with an optional JSON-ready note; nothing happens for no rows and no note.

        Raises:
            BeneficentError: the disk is full; the rows on disk are as before.
            CorruptFileError: the manifest is damaged.
        """
        if not rows and not note:
            return
        parts = self._manifest()
        self._replace(
            [*parts, self._write(pl.DataFrame(list(rows), infer_schema_length=None), parts, dict(note or {}))]
        )

    def read(self) -> pl.DataFrame:
        """All rows in the order they were appended; an empty frame without columns if there are none.

        Raises:
            CorruptFileError: a part is missing or is not what the manifest says; the message names the file.
        """
        frames = [self._read(part) for part in self._manifest()]
        frames = [frame for frame in frames if frame.width]
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()

    def keep(self, predicate: pl.Expr) -> None:
        """Drop the rows that do not satisfy ``predicate``; a part without any row left goes, with its note."""
        before, after = self._manifest(), []
        for part in before:
            frame = self._read(part)
            kept = frame.filter(predicate) if frame.width else frame
            if kept.height == frame.height:
                after.append(part)
            elif kept.height:
                after.append(self._write(kept, [*before, *after], part.note))
        if after != before:
            self._replace(after)

    def notes(self) -> list[dict[str, Any]]:
        """The notes of all parts, in order."""
        return [part.note for part in self._manifest()]

    def num_rows(self) -> int:
        """Rows by the manifest, without reading a part."""
        return sum(part.num_rows for part in self._manifest())

    def _write(self, frame: pl.DataFrame, others: Sequence[_Part], note: dict[str, Any]) -> _Part:
        number = max((int(part.name[5:11]) for part in others), default=0) + 1
        name = f"part-{number:06d}.parquet"
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd")
        data = buffer.getvalue()
        write_bytes(self.folder / name, data)
        return _Part(name, frame.height, bytes_digest(data), note)

    def _read(self, part: _Part) -> pl.DataFrame:
        path = self.folder / part.name
        if not path.is_file():
            raise CorruptFileError(f"{path} is missing, but {MANIFEST} beside it lists it; {_REMEDY}")
        with naming_file(path):
            data = path.read_bytes()
        if bytes_digest(data) != part.sha256:
            raise CorruptFileError(f"{path} is damaged: its SHA-256 is not the one in {MANIFEST} beside it; {_REMEDY}")
        return pl.read_parquet(io.BytesIO(data))

    def _replace(self, parts: Sequence[_Part]) -> None:
        lines = [asdict(part) for part in parts]
        write_json(self.folder / MANIFEST, {"format": _FORMAT, "sha256": digest(lines), "parts": lines})
        named = {part.name for part in parts}
        for path in self.folder.iterdir():
            if path.name not in named and (path.suffix == ".parquet" or path.name.endswith(".tmp")):
                with suppress(OSError):
                    path.unlink()

    def _manifest(self) -> list[_Part]:
        path = self.folder / MANIFEST
        if not path.exists():
            return []
        value = read_json(path)
        try:
            lines = value["parts"]
            if value["format"] != _FORMAT or value["sha256"] != digest(lines):
                raise ValueError("its own digest or format does not fit")
            return [_Part(**line) for line in lines]
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"{path} is damaged: {error}; {_REMEDY}") from error


_REMEDY = "delete this step's folder to do the step again"
