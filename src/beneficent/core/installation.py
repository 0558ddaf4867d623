"""What works on this machine: the checks behind ``beneficent doctor``. No network; torch is imported only when asked.

Which packages belong to the core and to each extra is read from the installed package's own metadata, so this file
repeats nothing that ``pyproject.toml`` says.
"""

import importlib
import json
import os
import platform
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from beneficent.core.errors import MissingExtraError

DISTRIBUTION = "beneficent"
OLDEST_PYTHON = (3, 11)
LOW_DISK_BYTES = 2 * 10**9
"""Less free disk than this is pointed out."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's answer.

    ``state`` is ``ok``, ``missing`` (something optional is not there, ``remedy`` says how to get it) or ``broken`` (the
    core does not work). ``Check("extra web", "missing", "ruamel.yaml", 'python -m pip install "ruamel.yaml>=0.18"')``.
    """

    name: str
    state: Literal["ok", "missing", "broken"]
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of the package's requirements: ``Requirement("peft", "peft>=0.14", "models")``; core has no extra."""

    name: str
    text: str
    extra: str | None


def requirements() -> list[Requirement]:
    """All requirements of the installed package, core ones first. Raises ``PackageNotFoundError`` if not installed."""
    found = []
    for line in metadata.requires(DISTRIBUTION) or []:
        text, _, marker = line.partition(";")
        extra = re.search(r"""extra\s*==\s*["']([^"']+)["']""", marker)
        name = re.match(r"[A-Za-z0-9._-]+", text)
        # An extra that takes in another one of ours names us; what that one needs stands in its own lines.
        if name is not None and name.group() != DISTRIBUTION:
            found.append(Requirement(name.group(), text.strip(), extra.group(1) if extra else None))
    return sorted(found, key=lambda requirement: requirement.extra is not None)


def installed_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def install_line(wanted: Sequence[Requirement]) -> str:
    """The shell line that installs ``wanted`` into the running environment, at the tested versions where there are."""
    words = [sys.executable, "-m", "pip", "install"]
    constraints = _constraints()
    if constraints is not None:
        pinned = {_canonical(line.split("==")[0]) for line in constraints.read_text().splitlines() if "==" in line}
        # The extras that the tested set leaves out (vllm, ray) could not be installed under its pins.
        if all(_canonical(requirement.name) in pinned and "[" not in requirement.text for requirement in wanted):
            words += ["-c", str(constraints)]
    return shlex.join([*words, *(requirement.text for requirement in wanted)])


def _canonical(name: str) -> str:
    """A distribution's name as package indexes compare it: ``Ruamel_YAML`` and ``ruamel.yaml`` are ``ruamel-yaml``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _constraints() -> Path | None:
    """The checkout's ``constraints.txt`` where the package is installed from one (editable), else None."""
    record = json.loads(metadata.distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    if not record.get("dir_info", {}).get("editable"):
        return None
    constraints = Path(url2pathname(urlsplit(record["url"]).path)) / "constraints.txt"
    return constraints if constraints.is_file() else None


def require(module: str, extra: str) -> ModuleType:
    """Import ``module``, which ``extra`` brings.

    Raises:
        MissingExtraError: it is not installed; the message holds the line that installs the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        wanted = [requirement for requirement in requirements() if requirement.extra == extra]
        raise MissingExtraError(
            f"'{module}' is not installed; it comes with the extra '{extra}': {install_line(wanted)}"
        ) from error


def check_python() -> Check:
    version = platform.python_version()
    oldest = ".".join(str(part) for part in OLDEST_PYTHON)
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", "broken", f"{version}, {oldest} or newer is needed")
    return Check("python", "ok", f"{version} at {sys.executable}")


def check_core() -> Check:
    try:
        core = [requirement for requirement in requirements() if requirement.extra is None]
    except metadata.PackageNotFoundError:
        return Check("core packages", "broken", f"{DISTRIBUTION} itself is not installed", "make setup")
    absent = [requirement for requirement in core if installed_version(requirement.name) is None]
    if absent:
        names = ", ".join(requirement.name for requirement in absent)
        return Check("core packages", "broken", f"not installed: {names}", install_line(absent))
    return Check("core packages", "ok", f"all {len(core)} installed")


def check_extras() -> list[Check]:
    """One line for each extra: its packages with their versions, or those that are not there."""
    try:
        every = [requirement for requirement in requirements() if requirement.extra is not None]
    except metadata.PackageNotFoundError:
        return []
    checks = []
    for extra in dict.fromkeys(requirement.extra for requirement in every):
        mine = [requirement for requirement in every if requirement.extra == extra]
        versions = {requirement.name: installed_version(requirement.name) for requirement in mine}
        # A requirement such as trl[vllm] asks for more than its own name; what it adds is named in the brackets.
        for requirement in mine:
            versions.update({part: installed_version(part) for part in re.findall(r"\[(\w+)\]", requirement.text)})
        absent = [name for name, version in versions.items() if version is None]
        if absent:
            checks.append(Check(f"extra {extra}", "missing", f"not installed: {', '.join(absent)}", install_line(mine)))
        else:
            have = ", ".join(f"{name} {version}" for name, version in versions.items())
            checks.append(Check(f"extra {extra}", "ok", have))
    return checks


def check_torch() -> list[Check]:
    """PyTorch's version, device, threads and bfloat16; a single broken line where it cannot be imported."""
    try:
        torch = importlib.import_module("torch")
    except Exception as error:  # a half-installed torch fails in many ways, each of which is the answer
        return [Check("torch", "broken", f"{type(error).__name__}: {error}")]
    return [
        Check("torch", "ok", str(torch.__version__)),
        Check("device", "ok", _device(torch)),
        Check("threads", "ok", f"{torch.get_num_threads()} used by torch, {_num_cores()} cores to use"),
        _bfloat16(torch),
    ]


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return f"cuda: {', '.join(names)}"
    if torch.backends.mps.is_available():
        return "mps (Apple), beside the cpu"
    return f"cpu ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def _bfloat16(torch: Any) -> Check:
    if torch.cuda.is_available():
        if torch.cuda.is_bf16_supported():
            return Check("bfloat16", "ok", "on the GPU")
        return Check("bfloat16", "missing", "this GPU has none; use float32")
    half = torch.arange(8.0, dtype=torch.bfloat16).reshape(2, 4)
    # Rows 0..3 and 4..7: the products 14, 38, 38, 126 are exact in bfloat16's eight bits.
    if (half @ half.T).tolist() != [[14.0, 38.0], [38.0, 126.0]]:
        return Check("bfloat16", "missing", "products are wrong on this CPU; use float32")
    native = any(flag in _cpu_flags() for flag in ("amx_bf16", "avx512_bf16", "bf16"))
    return Check("bfloat16", "ok", "on the CPU, in hardware" if native else "on the CPU, emulated and slow")


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    return {flag for line in re.findall(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE) for flag in line.split()}


def check_folder(runs: Path) -> list[Check]:
    """Whether ``runs`` can be written to (or made), and the free disk there. Leaves nothing behind."""
    place = runs.absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            writable = Check("runs folder", "ok", str(runs.absolute()))
    except OSError as error:
        remedy = "name another folder with --out"
        writable = Check("runs folder", "broken", f"cannot write in {place}: {error.strerror}", remedy)
    free = shutil.disk_usage(place).free
    disk = f"{free / 1e9:.1f} GB at {place}"
    if free < LOW_DISK_BYTES:
        return [writable, Check("free disk", "missing", f"only {disk}; a study takes some hundred megabytes")]
    return [writable, Check("free disk", "ok", disk)]


def examine(runs: Path) -> list[Check]:
    """All checks in the order a reader wants them; never raises for a broken machine."""
    parts: list[Callable[[], Check | list[Check]]] = [
        check_python,
        check_core,
        check_torch,
        check_extras,
        lambda: check_folder(runs),
    ]
    checks: list[Check] = []
    for part in parts:
        found = part()
        checks.extend(found if isinstance(found, list) else [found])
    return checks
