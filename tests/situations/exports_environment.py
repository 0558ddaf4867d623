"""The environment with verl and verifiers of ``constraints-exports.txt``: made once, kept in ``.venv-exports``."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from beneficent.core.locks import folder_lock

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".venv-exports"
PINS = ROOT / "constraints-exports.txt"
BUILD_SECONDS = 900


def run_script(
    python: Path | str, name: str, *arguments: str | Path, scratch: Path, path: tuple[Path, ...] = ()
) -> Any:
    """What a script of ``stacks/`` found: the JSON behind ``FOUND`` in its output. Nothing is fetched from any hub."""
    stacks = Path(__file__).parent / "stacks"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests", stacks, *path))),
        "HF_HOME": str(scratch / "hub"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [str(python), str(stacks / name), *map(str, arguments)],
        cwd=scratch,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(
        next(line for line in done.stdout.splitlines() if line.startswith("FOUND ")).removeprefix("FOUND ")
    )


def python_with(module: str) -> Path | str:
    """This interpreter where it has the module, else the one of the exports' environment."""
    return sys.executable if importlib.util.find_spec(module) is not None else exports_python()


@cache
def exports_python() -> Path:
    """The interpreter of the exports' environment; the test is skipped where it cannot be made."""
    if sys.version_info >= (3, 13):
        pytest.skip("verl has no release for Python 3.13 or newer")
    stamp, key = FOLDER / "stamp", hashlib.sha256(PINS.read_bytes() + sys.version.encode()).hexdigest()
    python = FOLDER / "env" / "bin" / "python"
    with folder_lock(FOLDER, wait_seconds=BUILD_SECONDS):
        if not stamp.is_file() or stamp.read_text() != key:
            stamp.unlink(missing_ok=True)
            _build(python)
            stamp.write_text(key)
    return python


def _build(python: Path) -> None:
    setup = _setup_script()
    version = setup.pinned("torch", PINS.read_text())
    # PyPI's own build for Linux is the one for CUDA, of several gigabytes, which does not start without its libraries.
    source = setup.cpu_build_source(version) if sys.platform == "linux" else []
    if source is None:
        pytest.skip(f"the CPU build of PyTorch {version} cannot be had: no package index can be reached from here")
    _run(sys.executable, "-m", "venv", "--clear", str(python.parent.parent))
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq", "--no-deps")
    _run(*pip, *source, f"torch=={version}")
    _run(*pip, "-r", str(PINS))


def _setup_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_for_exports", ROOT / "tools" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
