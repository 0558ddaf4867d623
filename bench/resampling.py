"""Seconds of the bootstrap and of a whole answer, on made-up scores: 53 benchmarks, 5 arms, 10,000 resamples.

    python bench/resampling.py [--benchmarks 53] [--items 64] [--seeds 3] [--resamples 10000] [--repeat 3]

Not named ``statistics``: a script's folder comes first on the path, and that would hide the standard library's module.
The best of the repeats is printed, as other work on the machine only ever adds time.
"""

import argparse
import platform
import sys
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

sys.path.append(str(Path(__file__).parents[1] / "tests" / "analysis"))

from synthetic import ARMS, make_cards, make_ledgers, make_rollouts, make_scores, make_trajectories

from beneficent.analysis.answer import answer
from beneficent.analysis.comparison import compare, correct, summarise
from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.sheets import CLEAN, START, lay_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("benchmarks", 53), ("items", 64), ("seeds", 3), ("resamples", 10_000), ("repeat", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    settings = AnswerSettings(num_resamples=options.resamples)
    seeds = tuple(range(options.seeds))
    cards = make_cards(options.benchmarks)
    scores = make_scores(cards, seeds=seeds, num_items=options.items)
    contrasts = [(arm, "baseline") for arm in ARMS if arm != "baseline"]
    resampling, whole = [], []
    for _ in range(options.repeat):
        sheets = [s for s in lay_out(scores, cards) if s.condition == CLEAN and s.card.role == "alignment"]
        start = perf_counter()
        rows = correct(compare(sheets, contrasts, START, settings), lambda row: row.arm)
        for arm, _ in contrasts:
            summarise([row for row in rows if row.arm == arm], settings)
        resampling.append(perf_counter() - start)
        start = perf_counter()
        rollouts, steps = make_rollouts(seeds=seeds), make_trajectories(seeds=seeds)
        answer(scores, cards, steps, make_ledgers(seeds=seeds), settings, rollouts=rollouts)
        whole.append(perf_counter() - start)
    print(f"{platform.platform()}, {platform.python_version()}")
    print(f"{options.benchmarks} benchmarks x {options.items} items x {len(contrasts)} arms x {options.seeds} seeds")
    print(f"comparison with {options.resamples:,} resamples: {min(resampling):.2f} s")
    print(f"whole answer ({scores.height:,} score rows): {min(whole):.2f} s")
    print(f"peak memory of the process: {getrusage(RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
