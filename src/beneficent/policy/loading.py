"""Loading and saving a policy: a Hugging Face causal LM folder with its tokenizer and renderer."""

import copy
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from beneficent.core.errors import BeneficentError, PolicyError
from beneficent.core.files import naming_file
from beneficent.policy.decoder import Route, decoder_for
from beneficent.policy.rendering import Renderer, Thinking

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Policy:
    """The model being trained or tested. ``folder`` is where it was loaded from or last saved, None for neither."""

    model: nn.Module
    tokenizer: Any
    renderer: Renderer
    folder: Path | None = None

    @cached_property
    def route(self) -> Route:
        """Which decoder samples from this policy, and why; found once, by the table and a parity check."""
        return decoder_for(self.model)

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """Ids that end a turn: the tokenizer's end of text and those of the generation config.

        Raises ``PolicyError`` if there is none.
        """
        found: set[int] = set()
        config = getattr(self.model, "generation_config", None)
        for ids in (self.tokenizer.eos_token_id, getattr(config, "eos_token_id", None)):
            found.update([] if ids is None else [ids] if isinstance(ids, int) else ids)
        if not found:
            raise PolicyError("neither the tokenizer nor the generation config names a token that ends a turn")
        return frozenset(found)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device


def load_policy(
    folder: Path | str, thinking: Thinking | None = None, dtype: str = "float32", device: str = "cpu"
) -> Policy:
    """Load a local checkpoint folder: safetensors only, and no code from the folder is run.

    ``dtype`` is one of float32, bfloat16, float16. Raises ``PolicyError`` for a missing folder, weights or tokenizer,
    and for a device that is not there.
    """
    folder, place = Path(folder), _device(device)
    if not folder.is_dir():
        raise PolicyError(f"no checkpoint folder at {folder}")
    if not (folder / "config.json").is_file():
        raise PolicyError(f"{folder} is not a checkpoint: config.json is missing")
    if not any(folder.glob("*.safetensors")):
        raise PolicyError(f"{folder} has no *.safetensors file; other weight formats are not loaded")
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "tokenizer.model")):
        raise PolicyError(f"{folder} has no tokenizer (tokenizer.json or tokenizer_config.json)")
    try:
        with _no_progress_bars():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
            model: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=_dtype(dtype), use_safetensors=True, trust_remote_code=False, local_files_only=True
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise PolicyError(f"cannot load the checkpoint in {folder}: {error}") from error
    model = model.to(place).eval()
    return Policy(model, tokenizer, Renderer(tokenizer, thinking), folder)


def save_policy(policy: Policy, folder: Path | str, dtype: str | None = None) -> None:
    """Write model and tokenizer to ``folder``, whole or not at all; an older folder there is replaced.

    ``dtype`` casts the stored weights (``"bfloat16"`` halves the size); the policy in memory keeps its own. Raises
    ``BeneficentError``, naming the folder, where it cannot be written, for instance as the disk is full.
    """
    folder = Path(folder)
    with naming_file(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        model: Any = policy.model
        if dtype is not None and model.dtype != _dtype(dtype):
            model = copy.deepcopy(model).to(_dtype(dtype))
        with naming_file(folder), _no_progress_bars():
            model.save_pretrained(scratch)
            policy.tokenizer.save_pretrained(scratch)
            _flush(scratch)
            _swap_in(scratch, folder)
    except SafetensorError as error:  # what its writer says of a full disk is no OSError
        raise BeneficentError(f"{folder}: cannot be written, {error}; make room and run the command again") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    policy.folder = folder


def clone_policy(policy: Policy) -> Policy:
    """A copy with weights of its own; tokenizer and renderer are shared. For arms that start from one checkpoint."""
    clone = Policy(copy.deepcopy(policy.model), policy.tokenizer, policy.renderer, policy.folder)
    if "route" in policy.__dict__:
        clone.__dict__["route"] = policy.route
    return clone


def parameters_digest(policy: Policy) -> str:
    """SHA-256 (hex) of every parameter's name, type, shape and bytes: equal exactly when the weights are."""
    digest = hashlib.sha256()
    for name, parameter in sorted(policy.model.named_parameters()):
        data = parameter.detach().cpu().contiguous()
        digest.update(f"{name} {data.dtype} {tuple(data.shape)} ".encode())
        digest.update(data.view(torch.uint8).numpy().tobytes() if data.ndim else data.numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    bars: Any = transformers_logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _dtype(name: str) -> torch.dtype:
    if name not in _DTYPES:
        raise PolicyError(f"dtype = {name!r}; allowed: {', '.join(_DTYPES)}")
    return _DTYPES[name]


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise PolicyError(f"device = {name!r}; allowed: 'cpu', 'cuda:0' and so on") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise PolicyError(f"device = {name!r}, but PyTorch sees {torch.cuda.device_count()} CUDA devices here")
    return device


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _swap_in(scratch: Path, folder: Path) -> None:
    """Rename ``scratch`` to ``folder``; a killed process leaves the old one, the new one or none, never a mixture."""
    scratch.chmod(0o755)
    if not folder.exists():
        scratch.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
    try:
        folder.rename(aside / "old")
        try:
            scratch.rename(folder)
        except OSError:
            (aside / "old").rename(folder)
            raise
    finally:
        with suppress(OSError):
            shutil.rmtree(aside)
