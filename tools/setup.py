"""Make `.venv` and install the tested set into it; `make lab` and `make test` call this first.

A second call finds its stamp and returns at once, without the network. Standard library only, and old Pythons can
read this file far enough to be told that they are too old. Run it by hand with `python3 tools/setup.py`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "beneficent-setup"
OLDEST = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class SetupError(Exception):
    """Something the user can mend; printed without a traceback."""


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


def version_of(python: str) -> tuple[int, ...] | None:
    """Version of an interpreter, or None where it does not run (a broken link, a version manager's empty shim)."""
    code = "import sys; print(*sys.version_info[:3])"
    try:
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        return tuple(int(part) for part in answer.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def find_python() -> str:
    """The interpreter that runs this file, or else the newest `python3.x` on the PATH that is new enough."""
    names = [sys.executable] + [f"python3.{minor}" for minor in range(14, OLDEST[1] - 1, -1)]
    for name in names:
        found = shutil.which(name)
        version = version_of(found) if found else None
        if found and version and version >= OLDEST:
            return found
    have = ".".join(str(part) for part in sys.version_info[:3])
    raise SetupError(
        f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, and the PATH has only {sys.executable} ({have}). "
        "Install one, or name one: make PYTHON=/path/to/python3.12 lab"
    )


def make_venv() -> None:
    python = find_python()
    version = version_of(python) or OLDEST
    probe = subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False)
    if probe.returncode != 0:
        raise SetupError(
            f"{python} cannot make virtual environments: its venv or ensurepip module is missing. "
            f"On Debian and Ubuntu: sudo apt-get install python{version[0]}.{version[1]}-venv"
        )
    say(f"making .venv with Python {'.'.join(str(part) for part in version)}")
    made = subprocess.run([python, "-m", "venv", "--clear", str(VENV)], check=False)
    if made.returncode != 0:
        raise SetupError(f"'{python} -m venv {VENV}' failed with exit status {made.returncode}; its message is above")


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp_key(version: tuple[int, ...], root: Path = ROOT) -> str:
    """Digest of everything the installed set depends on; the folder counts because the install is editable."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt", "tools/setup.py"):
        digest.update((root / name).read_bytes())
    digest.update(f"{version} {root}".encode())
    return digest.hexdigest()


def pinned(name: str, constraints: str) -> str:
    """The version that `constraints` pins: ``pinned("torch", "torch==2.13.0")`` is ``"2.13.0"``."""
    match = re.search(rf"^{re.escape(name)}==(\S+)", constraints, flags=re.MULTILINE | re.IGNORECASE)
    if match is None:
        raise SetupError(f"constraints.txt does not pin {name}")
    return match.group(1)


def prefers_cpu_build() -> bool:
    """Whether PyTorch's CPU build is the better one: Linux without an NVIDIA driver. Elsewhere there is only one."""
    has_driver = shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia").exists()
    return sys.platform == "linux" and not has_driver


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(venv_python()), "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def cpu_build_source(version: str) -> list[str] | None:
    """Options with which pip finds the CPU build of `version`, or None where it cannot be had.

    pip's own configuration is asked first, then PyTorch's index, which is given five seconds and no second chance so
    that a machine without access to it does not wait.
    """
    for options in ([], ["--index-url", CPU_INDEX]):
        listing = pip("index", "versions", "torch", "--retries", "0", "--timeout", "5", *options)
        offered = re.search(r"^Available versions: (.*)$", listing.stdout, flags=re.MULTILINE)
        if offered is not None and f"{version}+cpu" in offered.group(1).split(", "):
            return options
    return None


def install_cpu_torch(version: str) -> None:
    """Install the CPU build if there is one; without one the plain build, several times the size, follows later."""
    installed = pip("show", "torch").stdout
    if re.search(rf"^Version: {re.escape(version)}(\+\S+)?$", installed, flags=re.MULTILINE):
        return
    options = cpu_build_source(version)
    if options is not None:
        say(f"installing PyTorch {version}, the CPU build (no NVIDIA driver here)")
        if pip("install", "-qq", "--no-deps", *options, f"torch=={version}+cpu").returncode == 0:
            return
    say(f"PyTorch's CPU build cannot be had from here; the plain build of {version} is taken (a larger download)")


def install() -> None:
    constraints = ROOT / "constraints.txt"
    if prefers_cpu_build():
        install_cpu_torch(pinned("torch", constraints.read_text()))
    say("installing Beneficent and its tools (once; a few minutes)")
    common = ["install", "-qq", "-c", str(constraints)]
    # The build tool is pinned and installed like the rest, so that building does not fetch an untested one.
    for arguments in (["setuptools"], ["--no-build-isolation", "-e", f"{ROOT}[dev]"]):
        done = pip(*common, *arguments)
        if done.returncode != 0:
            raise SetupError(f"pip {' '.join([*common, *arguments])} failed:\n{done.stdout}{done.stderr}")


def main() -> int:
    try:
        version = version_of(str(venv_python()))
        if version is None or version < OLDEST:
            make_venv()
            version = version_of(str(venv_python()))
        key = stamp_key(version or OLDEST)
        if STAMP.is_file() and STAMP.read_text() == key:
            return 0
        STAMP.unlink(missing_ok=True)
        install()
        STAMP.write_text(key)
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
