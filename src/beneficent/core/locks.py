"""One process a folder: a lock that the operating system drops when its holder ends, however it ends."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from beneficent.core.errors import BeneficentError, FolderInUseError
from beneficent.core.files import explain_os_error, naming_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = ".lock"
_RETRY_SECONDS = 0.05


@contextmanager
def folder_lock(folder: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold ``folder`` for this process; the folder is made if it is missing.

    The lock file stays behind on purpose: removing it would let two processes lock two files of one name. It holds the
    holder's process id, for the message only.

    Args:
        wait_seconds: how long to wait for another holder to leave.

    Raises:
        FolderInUseError: another process holds it.
    """
    path = folder / LOCK_NAME
    with naming_file(path):
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    with file:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(path, file):
            if time.monotonic() >= deadline:
                raise FolderInUseError(_message(folder, file))
            time.sleep(_RETRY_SECONDS)
        with naming_file(path):
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield


def _try_lock(path: Path, file: IO[str]) -> bool:
    """Whether it could be had; a file system without locks is an error that names the file."""
    try:
        if fcntl is not None:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            _lock_on_windows(file.fileno())
    except (BlockingIOError, PermissionError):  # the second is what Windows says of a locked byte
        return False
    except OSError as error:
        raise BeneficentError(explain_os_error(error, path)) from error
    return True


def _lock_on_windows(descriptor: int) -> None:
    import msvcrt

    # A byte far behind the process id, because a locked byte cannot be read there.
    os.lseek(descriptor, 1 << 20, os.SEEK_SET)
    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]


def _message(folder: Path, file: IO[str]) -> str:
    file.seek(0)
    holder = file.read(20).strip()
    who = f"process {holder}" if holder.isdigit() else "another process"
    return f"{folder} is in use by {who}; wait for it to end, or choose another folder with --out"
