"""Reading a finished run folder back, as the analysis and the report want it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from beneficent.core.files import read_json
from beneficent.core.ledger import Ledger
from beneficent.core.store import Parts
from beneficent.study.arms import SFT_TRAIT
from beneficent.study.folder import RunFolder
from beneficent.study.plan import Step, last_training

Run = tuple[str, int]
"""Arm and seed; the starting checkpoint is ``("pre-RL", -1)``."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Rows with their arm and seed, and per (arm, seed) what training did and spent."""

    scores: pl.DataFrame
    steps: dict[Run, pl.DataFrame]
    rollouts: pl.DataFrame
    training: dict[Run, dict[str, Any]]
    training_ledgers: dict[Run, Ledger]
    scoring_ledgers: dict[Run, Ledger]
    regraded: pl.DataFrame
    """Answers graded again, with arm and seed (see ``study.regrading``); empty without a second grader."""
    attacks: pl.DataFrame
    """Rows scored under attack, the clean panel among them; empty without attacks."""
    attack_conditions: list[dict[str, Any]]
    """What each condition of these rows is, by arm and seed; see ``persistence.scoring.AttackedRows``."""
    attack_ledgers: dict[Run, Ledger]
    supervised: dict[int, dict[str, Any]]
    """What ``sft-trait`` came to, by seed: ``steps``, ``reached``, ``wanted``, ``examples``, ``ledger``."""


def gather(folder: RunFolder, plan: Sequence[Step]) -> Gathered:
    """Everything the done steps of a plan wrote.

    Raises:
        CorruptFileError: a file is damaged or missing; the message names it.
    """
    trained = last_training(plan)
    scored = [step for step in plan if step.kind == "score"]
    facts = {_run(step): read_json(folder.path / step.marker) for step in trained}
    attacked = [step for step in plan if step.kind == "attack"]
    return Gathered(
        scores=_stack([Parts(folder.of(step)).read() for step in scored]),
        steps={_run(step): Parts(folder.of(step) / "steps").read() for step in trained},
        rollouts=_stack([_rollouts(folder, step) for step in trained]),
        training={run: {k: v for k, v in own.items() if k not in ("ledger", "files")} for run, own in facts.items()},
        training_ledgers={run: Ledger.from_dict(own["ledger"]) for run, own in facts.items()},
        scoring_ledgers=_spent(folder, scored),
        regraded=_stack([_with_run(Parts(folder.of(s)).read(), s) for s in plan if s.kind == "regrade"]),
        attacks=_stack([Parts(folder.of(step)).read() for step in attacked]),
        attack_conditions=[
            {"arm": step.arm, "seed": step.seed, **{key: value for key, value in note.items() if key != "ledger"}}
            for step in attacked
            for note in Parts(folder.of(step)).notes()
        ],
        attack_ledgers=_spent(folder, attacked),
        supervised={s.seed: read_json(folder.path / s.marker) for s in plan if s.kind == "supervise"},
    )


def _spent(folder: RunFolder, steps: Sequence[Step]) -> dict[Run, Ledger]:
    """What steps that keep their ledgers beside their rows have spent, by arm and seed."""
    spent: dict[Run, Ledger] = {}
    for step in steps:
        for note in Parts(folder.of(step)).notes():
            spent[_run(step)] = spent.get(_run(step), Ledger()) + Ledger.from_dict(note["ledger"])
    return spent


def ledger_file(gathered: Gathered) -> dict[str, Any]:
    """What ``ledger.json`` holds: training, scoring and attacks of every arm and seed, and everything together."""
    stages = {
        "training": gathered.training_ledgers,
        "scoring": gathered.scoring_ledgers,
        "attacks": gathered.attack_ledgers,
        "supervision": {
            (SFT_TRAIT, seed): Ledger.from_dict(own["ledger"]) for seed, own in gathered.supervised.items()
        },
    }
    lines = [
        {"arm": run[0], "seed": run[1], "stage": stage, **ledger.as_dict()}
        for stage, ledgers in stages.items()
        for run, ledger in ledgers.items()
    ]
    everything = [ledger for ledgers in stages.values() for ledger in ledgers.values()]
    return {"lines": lines, "total": sum(everything, Ledger()).as_dict()}


def _run(step: Step) -> Run:
    assert step.arm is not None
    return step.arm, step.seed


def _rollouts(folder: RunFolder, step: Step) -> pl.DataFrame:
    return _with_run(Parts(folder.of(step) / "rollouts").read(), step)


def _with_run(rows: pl.DataFrame, step: Step) -> pl.DataFrame:
    return rows.with_columns(arm=pl.lit(step.arm), seed=pl.lit(step.seed, pl.Int64))


def _stack(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    filled = [frame for frame in frames if frame.height]
    return pl.concat(filled, how="diagonal_relaxed") if filled else pl.DataFrame()
