"""Files written whole or not at all, and errors that name the file.

A file is written beside its place under a hidden name, flushed to the disk, and renamed; a process killed at any point
leaves the old file or the new one. Hidden leftovers (``.name.*.tmp``) are never read.
"""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from beneficent.core.errors import BeneficentError, CorruptFileError

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` atomically; the folder is made if it is missing.

    Raises:
        BeneficentError: the disk is full or the place cannot be written; the message names the file.
    """
    with naming_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(scratch).chmod(0o644)
            Path(scratch).replace(path)
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """``write_bytes`` for UTF-8 text."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """``write_bytes`` for JSON, indented; NaN and infinities are refused (ValueError), as JSON has none."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file that ``write_json`` wrote.

    Raises:
        CorruptFileError: it is not JSON.
        BeneficentError: it cannot be read.
    """
    with naming_file(path):
        data = path.read_bytes()
    try:
        return json.loads(data)
    except ValueError as error:  # bad UTF-8 is a ValueError too
        raise CorruptFileError(
            f"{path} is damaged: it is not JSON ({error}); delete it to do its step again"
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a ``BeneficentError`` that names the file."""
    try:
        yield
    except OSError as error:
        raise BeneficentError(explain_os_error(error, path)) from error


def explain_os_error(error: OSError, path: Path | None = None) -> str:
    """One sentence with the file's name and, for a full disk, the space that is left."""
    place = path if path is not None else Path(str(error.filename)) if error.filename else None
    what = error.strerror or str(error)
    where = f"{place}: " if place is not None else ""
    if error.errno not in _DISK_FULL:
        return f"{where}{what}"
    return f"{where}cannot be written, {what}{_space_left(place)}; make room and run the same command again to go on"


def _space_left(place: Path | None) -> str:
    while place is not None and not place.exists() and place != place.parent:
        place = place.parent
    if place is None:
        return ""
    with suppress(OSError):
        return f" ({shutil.disk_usage(place).free / 2**20:.0f} MiB free there)"
    return ""
