"""A folder that is there with all its files, or not at all."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from beneficent.core.errors import DataError
from beneficent.core.files import naming_file, sync_folder, write_bytes


def check_free(folder: Path) -> None:
    """Refuse a place where something is already.

    Raises:
        DataError: there is a file, or a folder that is not empty.
        BeneficentError: the place cannot be read.
    """
    with naming_file(folder):
        if folder.is_file():
            raise DataError(f"{folder}: is a file; allowed is a folder that is empty or not there yet")
        if folder.exists() and any(folder.iterdir()):
            raise DataError(f"{folder}: is not empty; allowed is a folder that is empty or not there yet")


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files, named by their paths within the folder, beside their place, and then move the whole there.

    Raises:
        DataError: see ``check_free``.
        BeneficentError: the disk is full or the place cannot be written; nothing is left behind.
    """
    check_free(folder)
    # Made absolute, so that the working folder itself can be named.
    folder = folder.resolve()
    with naming_file(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
        try:
            for name, data in files.items():
                write_bytes(scratch / name, data)
            scratch.chmod(0o755)
            if folder.exists():
                folder.rmdir()
            scratch.replace(folder)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        sync_folder(folder.parent)
