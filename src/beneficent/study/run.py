"""Running a study: do what is not done, then analyse everything and write the report.

This process plans, shows and analyses; it never imports torch. The steps are done by worker processes (``pool``).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from beneficent.core.errors import BeneficentError
from beneficent.core.files import read_json, write_json
from beneficent.core.locks import folder_lock
from beneficent.study.arms import ARMS
from beneficent.study.environment import describe, usable_cores
from beneficent.study.events import Listener, RunFinished, RunStarted, StepFinished, StepStarted
from beneficent.study.folder import (
    RunFolder,
    default_folder,
    note_environment,
    note_training,
    open_folder,
    remove_folder,
)
from beneficent.study.gather import gather, ledger_file
from beneficent.study.plan import Status, Step, conditions, last_training, make_plan, statuses
from beneficent.study.pool import run_steps
from beneficent.study.preregister import preregister, settings_for
from beneficent.study.recipe import Recipe, as_toml
from beneficent.study.registry import load_source
from beneficent.study.source import Source
from beneficent.study.suite import asked_under, build_suite, check_attacks, count_items, make_condition
from beneficent.study.worker import Job


@dataclass(frozen=True, slots=True)
class Options:
    """How to run, as against what. Workers change no number; another kind of device changes last digits."""

    out: Path | None = None
    """The run folder; by default ``runs/<recipe>-<digest>``."""
    workers: int | None = None
    """Worker processes on the CPU; by default one a core."""
    devices: tuple[str, ...] = ("cpu",)
    """Where workers compute; GPUs get one worker each."""


def run_study(recipe: Recipe, options: Options, listen: Listener) -> RunFolder:
    """Run a recipe to its end, or go on where an earlier call stopped.

    Raises:
        BeneficentError: anything the user can mend, such as another process in the folder, a recipe that is not the
            folder's, an arm that diverged, a damaged file or a full disk.
    """
    start = time.perf_counter()
    source = load_source(recipe.source)
    check(recipe, source)
    path = options.out or default_folder(recipe, source.digest)
    for one in beside(recipe):
        check(one, load_source(one.source))
    with folder_lock(path):
        folder = open_folder(path, recipe, source.digest)
        plan = make_plan(recipe)
        to_do = [step for step in plan if step.by_worker and not folder.is_done(step)]
        jobs = _jobs(recipe, folder, options, len(to_do))
        done = sum(status == "done" for status in statuses(plan, folder.is_done).values())
        listen(RunStarted(str(folder.path), len(plan), done, len(jobs)))
        _clear_leftovers(folder, plan)
        if any(step.kind == "train" for step in to_do):
            note_training(folder)
        if to_do:
            note_environment(folder, describe(len(jobs), options.devices))
            folder.results.unlink(missing_ok=True)
            run_steps(to_do, jobs, listen)
        for one in beside(recipe):
            run_study(one, replace(options, out=folder.beside(one.source)), listen)
        _finish(recipe, source, folder, plan, listen)
    listen(RunFinished(str(folder.path), time.perf_counter() - start))
    return folder


def beside(recipe: Recipe) -> list[Recipe]:
    """The same study in each of the other sources that the recipe names."""
    return [recipe.model_copy(update={"source": name, "beside": ()}) for name in recipe.beside]


def check(recipe: Recipe, source: Source) -> None:
    """Refuse what cannot work before anything runs: arms without situations or graders, panels too large.

    Raises:
        BeneficentError: naming the arm, grader or benchmark.
    """
    suite = build_suite(source)
    if not source.tasks("train"):
        raise BeneficentError(f"source {recipe.source!r} has no tasks to train on")
    graders, situations = source.graders(), source.situations("train")
    for name in recipe.arms:
        arm = ARMS[name]
        if arm.grader is not None and arm.grader not in graders:
            raise BeneficentError(f"arm {name!r} needs the grader {arm.grader!r}; the source has {', '.join(graders)}")
        arm.situations(situations)
    for condition in conditions(recipe):
        make_condition(condition, source)
        asked_under(condition, suite, recipe)
    if recipe.regrade_with is not None and recipe.regrade_with not in graders:
        raise BeneficentError(f"regrade_with is {recipe.regrade_with!r}; the source has {', '.join(graders)}")
    if recipe.attacks is not None:
        check_attacks(recipe.attacks, source, suite)


def dry_run(recipe: Recipe, options: Options) -> dict[str, Any]:
    """What a run would do, counted; nothing is written. JSON-ready."""
    from beneficent.training.mixture import lay_out

    source = load_source(recipe.source)
    check(recipe, source)
    suite = build_suite(source)
    training, plan = recipe.training, make_plan(recipe)
    slots = lay_out(training, recipe.seeds[0])
    policies = 1 + len(recipe.arms) * len(recipe.seeds)
    items = {name: count_items(*asked_under(name, suite, recipe)) for name in conditions(recipe)}
    return {
        "recipe": recipe.name,
        "folder": str(options.out or default_folder(recipe, source.digest)),
        "arms": list(recipe.arms),
        "seeds": list(recipe.seeds),
        "trainings": policies - 1,
        "rl_steps": training.steps,
        "slots": len(slots),
        "trait_slots": sum(slot.kind == "trait" for slot in slots),
        "completions": len(slots) * training.samples_per_group * (policies - 1),
        "attack_steps": {kind: sum(step.kind == kind for step in plan) for kind in ("supervise", "attack")},
        "benchmarks": len(suite),
        "policies_scored": policies,
        "items_per_policy": items,
        "items": policies * sum(items.values()),
        "plan_steps": len(plan),
    }


def freeze(recipe: Recipe, out: Path | None) -> tuple[RunFolder, dict[str, Any]]:
    """Preregister a recipe in its run folder; returns the folder and what was frozen.

    Raises:
        BeneficentError: training has begun there, or it is preregistered already.
    """
    source = load_source(recipe.source)
    check(recipe, source)
    path = out or default_folder(recipe, source.digest)
    with folder_lock(path):
        folder = open_folder(path, recipe, source.digest)
        return folder, preregister(folder, recipe, source.digest)


def step_statuses(folder: RunFolder) -> list[tuple[Step, Status]]:
    """Every step of a run folder's plan with its status.

    Raises:
        BeneficentError: this is no run folder, or it is damaged.
    """
    plan = make_plan(folder.recipe())
    found = statuses(plan, folder.is_done)
    return [(step, found[step.name]) for step in plan]


def read_results(folder: RunFolder) -> dict[str, Any]:
    """The answer of a finished run.

    Raises:
        BeneficentError: it is not finished.
    """
    folder.begun()
    if not folder.results.is_file():
        raise BeneficentError(
            f"{folder.path} has no results yet; 'beneficent study steps {folder.path}' shows what is left"
        )
    results: dict[str, Any] = read_json(folder.results)
    return results


def _jobs(recipe: Recipe, folder: RunFolder, options: Options, num_steps: int) -> list[Job]:
    if options.devices == ("cpu",):
        devices = ("cpu",) * (options.workers or usable_cores())
    elif options.workers is not None:
        raise BeneficentError("--workers is for the CPU; on GPUs there is one worker for each of --devices")
    else:
        devices = options.devices
    return [Job(as_toml(recipe), folder.path, device) for device in devices[:num_steps]]


def _clear_leftovers(folder: RunFolder, plan: Sequence[Step]) -> None:
    """Training checkpoints of finished arms, left by a kill in the last moment."""
    for step in last_training(plan):
        if folder.is_done(step):
            remove_folder(folder.of(step) / "checkpoint")


def _finish(recipe: Recipe, source: Source, folder: RunFolder, plan: Sequence[Step], listen: Listener) -> None:
    """Analyse and report, if anything is newer than what is there."""
    if folder.results.is_file() and folder.report.is_file():
        return
    from beneficent.analysis.answer import answer
    from beneficent.analysis.worlds import add_worlds
    from beneficent.study.reporting import with_refusals, write_report

    start = time.perf_counter()
    listen(StepStarted("analyse"))
    gathered = gather(folder, plan)
    write_json(folder.path / "ledger.json", ledger_file(gathered))
    results = answer(
        gathered.scores,
        build_suite(source).cards,
        gathered.steps,
        gathered.training_ledgers,
        settings_for(folder, recipe),
        rollouts=with_refusals(gathered.rollouts, source),
        training=gathered.training,
        regraded=gathered.regraded,
        attacked=(gathered.attacks, gathered.attack_conditions) if recipe.attacks is not None else None,
    )
    if results["attacks"] is not None:
        kept = ("steps", "reached", "wanted", "examples")
        results["attacks"]["supervised"] = {
            str(seed): {key: own[key] for key in kept} for seed, own in gathered.supervised.items()
        }
    results["study"] = _study(recipe, folder)
    add_worlds(
        results,
        {recipe.source: results} | {name: read_json(folder.beside(name) / "results.json") for name in recipe.beside},
    )
    folder.report.unlink(missing_ok=True)
    write_json(folder.results, results)
    listen(StepFinished("analyse", time.perf_counter() - start, str(folder.results)))
    start = time.perf_counter()
    listen(StepStarted("report"))
    write_report(folder, results, gathered, source, folder.report)
    listen(StepFinished("report", time.perf_counter() - start, str(folder.report)))


def _study(recipe: Recipe, folder: RunFolder) -> dict[str, Any]:
    """The part of ``results.json`` that says which study it answers."""
    return {
        "recipe": recipe.name,
        "description": recipe.description,
        "digest": folder.begun()["digest"],
        "preregistered": bool(settings_for(folder, recipe).preregistered),
    }
