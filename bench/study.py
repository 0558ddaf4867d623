"""Seconds and peak memory of a whole study, all of its processes together, through the real command.

    python bench/study.py lab-quick            # a fresh run folder, deleted afterwards
    python bench/study.py lab --workers 2

Memory is the largest sum over processes of the proportional set size (pages shared by several processes are counted
once), looked at ten times a second, from ``/proc``: Linux only.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep

SECONDS_BETWEEN_LOOKS = 0.1


def descendants(pid: int) -> list[int]:
    """The process and everything it started."""
    found = [pid]
    for own in found:
        for children in Path(f"/proc/{own}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def memory_bytes(pid: int) -> int:
    """Proportional set size of one process; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def measure(command: list[str]) -> tuple[float, int]:
    """Seconds of a command and the peak memory of its process tree in bytes; raises if it fails."""
    start, peak = perf_counter(), 0
    process = subprocess.Popen(command)
    while process.poll() is None:
        peak = max(peak, sum(memory_bytes(pid) for pid in descendants(process.pid)))
        sleep(SECONDS_BETWEEN_LOOKS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return perf_counter() - start, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="name or path of a recipe")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "beneficent", "study", "run", options.recipe]
        seconds, peak = measure([*command, "--out", f"{folder}/run", "--workers", str(options.workers)])
    print(f"{options.recipe}: {seconds:.1f} s with {options.workers} workers, peak memory {peak / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
