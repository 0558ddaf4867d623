"""Digests: of plain values in a canonical form, and of files."""

import hashlib
import json
from pathlib import Path
from typing import Any

from beneficent.core.files import naming_file


def digest(value: Any) -> str:
    """SHA-256 (hex) of a JSON-ready value; the order of keys and the kind of sequence change nothing.

    Raises:
        TypeError, ValueError: the value holds something JSON has not, such as a set or NaN.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def bytes_digest(data: bytes) -> str:
    """SHA-256 (hex) of bytes."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's content; raises ``BeneficentError`` if it cannot be read."""
    with naming_file(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
