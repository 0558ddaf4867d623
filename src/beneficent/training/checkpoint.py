"""Checkpoints inside an arm: written whole or not at all, marked whole last, and checked when read.

``folder/step-000025/`` holds ``tensors.safetensors`` (weights and optimiser moments), ``state.json`` (counters and
ledger) and, written last, ``whole.json`` (format version and digests). It is made under a hidden name and renamed.
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from beneficent.core.errors import BeneficentError, CorruptFileError
from beneficent.core.files import naming_file, read_json, sync_folder, write_bytes, write_json
from beneficent.core.hashing import bytes_digest, file_digest

FORMAT = 1
_TENSORS, _STATE, _MARKER = "tensors.safetensors", "state.json", "whole.json"


@dataclass(frozen=True)
class Checkpoint:
    """Where training goes on: ``step`` is the first one not done yet."""

    step: int
    tensors: Mapping[str, torch.Tensor]
    state: Mapping[str, Any]


def write_checkpoint(folder: Path, checkpoint: Checkpoint, before_marker: Callable[[], None]) -> None:
    """Put the checkpoint in place of the one before; ``before_marker`` runs when all but the end marker is written.

    Raises:
        BeneficentError: it cannot be written, for instance as the disk is full; the older checkpoint stays.
    """
    place = folder / f"step-{checkpoint.step:06d}"
    with naming_file(place):
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".step-", dir=folder))
    try:
        tensors = save({name: own.cpu().contiguous() for name, own in checkpoint.tensors.items()})
        write_bytes(scratch / _TENSORS, tensors)
        write_json(scratch / _STATE, checkpoint.state)
        before_marker()
        digests = {_TENSORS: bytes_digest(tensors), _STATE: file_digest(scratch / _STATE)}
        write_json(scratch / _MARKER, {"format": FORMAT, "step": checkpoint.step, "sha256": digests})
        with naming_file(place):
            scratch.chmod(0o755)
            if not place.exists():
                scratch.rename(place)
        sync_folder(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for other in folder.iterdir():
        if other != place:
            shutil.rmtree(other, ignore_errors=True)


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The latest whole checkpoint in ``folder``, or None; whatever has no end marker is ignored.

    Raises:
        CorruptFileError: a file is not what the end marker says; the message names it.
        BeneficentError: the checkpoint is of another format version.
    """
    whole = sorted(path for path in folder.glob("step-*") if (path / _MARKER).is_file()) if folder.is_dir() else []
    if not whole:
        return None
    place = whole[-1]
    marker = read_json(place / _MARKER)
    if marker["format"] != FORMAT:
        raise BeneficentError(
            f"{place / _MARKER} has format {marker['format']}; this version reads {FORMAT}. Delete {folder} to train "
            "the arm again"
        )
    for name, digest in marker["sha256"].items():
        path = place / name
        if not path.is_file() or file_digest(path) != digest:
            raise CorruptFileError(f"{path} is missing or damaged; delete {folder} to train the arm again")
    try:
        tensors = load((place / _TENSORS).read_bytes())
    except SafetensorError as error:
        raise CorruptFileError(f"{place / _TENSORS} is damaged ({error}); delete {folder} to train again") from error
    return Checkpoint(marker["step"], tensors, read_json(place / _STATE))
