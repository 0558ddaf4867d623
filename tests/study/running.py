"""Running the real command in real processes, killing it, and comparing what it leaves."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beneficent.study.folder import RunFolder
from beneficent.study.run import read_results

HERE = Path(__file__).parent

RECIPE = """
name = "tiny"
description = "for tests"
source = "fake_source:load?{checkpoint}"
arms = {arms}
seeds = [0]

[policy]
thinking_open = "<think>"
thinking_close = "<say>"

[training]
{training}

[scoring]
max_new_tokens = 12
items_per_part = 24

[mediation]
benchmarks = 2
items = 6

[analysis]
num_resamples = 1000
"""
TRAINING = {
    "steps": 6,
    "groups_per_step": 4,
    "samples_per_group": 4,
    "max_new_tokens": 12,
    "trait_share": 0.25,
    "checkpoint_every": 2,
}


def write_recipe(
    folder: Path, checkpoint: Path, arms: tuple[str, ...] = ("baseline", "trait"), more: str = "", **training: Any
) -> Path:
    """A recipe for the fake source; ``training`` overrides ``TRAINING``, ``more`` is put at the end."""
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in {**TRAINING, **training}.items())
    path = folder / "tiny.toml"
    path.write_text(RECIPE.format(checkpoint=checkpoint, arms=json.dumps(arms), training=lines) + more)
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "beneficent", *map(str, arguments)]


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command run to its end."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, timeout=300, env=environment()
    )


def events(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """What a command with ``--json`` says, as it says it."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, as the system does when memory runs out; its workers are left to notice by themselves."""
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def without_seconds(value: Any) -> Any:
    """The value without wall-clock times, which are all that may differ between two runs of one recipe."""
    if isinstance(value, dict):
        return {key: without_seconds(own) for key, own in value.items() if key != "seconds"}
    return [without_seconds(own) for own in value] if isinstance(value, list) else value


def answer_of(folder: Path) -> Any:
    return without_seconds(read_results(RunFolder(folder)))
