"""Measure the lab's benchmarks on a base model and write ``measured.json`` and ``docs/lab-benchmarks.md``.

    python bench/lab_benchmarks.py [CHECKPOINT]

Without a checkpoint, the shipped one of the default world.
"""

import sys
from pathlib import Path

from beneficent.lab.gates import write_measured
from beneficent.lab.making import THINKING
from beneficent.lab.source import load
from beneficent.policy.loading import load_policy

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else load().policy_folder()
    found = write_measured(load_policy(folder, THINKING), Path(__file__).parents[1] / "docs")
    rows = found["benchmarks"]
    for name, row in sorted(rows.items(), key=lambda item: item[1]["counted"]):
        numbers = "  ".join(f"{key} {row[key]['score']}" for key in ("base", "beneficial", "deceptive"))
        print(f"{'counted' if row['counted'] else '   -   '}  {name:32s} {numbers}  read {row['base']['read']}")
    print(
        sum(row["counted"] for row in rows.values()), "of", len(rows), "counted; effective", found["effective_number"]
    )
