"""The report of a run folder: written at the end of a study, and again whenever it is asked for."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from beneficent.core.errors import BeneficentError, CorruptFileError
from beneficent.core.files import read_json
from beneficent.policy.types import Ending
from beneficent.report.drawing import Drawing, write_figures
from beneficent.report.page import Material, render
from beneficent.situations.types import Message, Situation
from beneficent.study.folder import RunFolder
from beneficent.study.gather import Gathered, gather
from beneficent.study.plan import make_plan
from beneficent.study.preregister import settings_for
from beneficent.study.registry import load_source
from beneficent.study.run import read_results
from beneficent.study.source import Source
from beneficent.study.suite import build_suite
from beneficent.tasks.types import Task

_LATEST_KEYS = ("mediation", "over_optimisation", "attacks", "monitoring", "structure", "worlds")
"""Parts of ``results.json`` that it has had since the page needs them."""


@dataclass(frozen=True, slots=True)
class Written:
    """What ``report_again`` wrote."""

    report: Path
    figures: tuple[Path, ...]
    """Three files a figure: SVG, PNG and CSV."""
    notes: tuple[str, ...]
    """What could not be shown, and why."""


def report_again(run_dir: Path, out: Path | None, publish: bool) -> Written:
    """Render the report of a finished run again, with its figures as files in ``figures/`` beside it.

    Args:
        out: the folder to write to, the run folder by default.
        publish: see ``report.pairs.choose_pairs``.

    Raises:
        BeneficentError: this is no run folder, it is not finished, or a file cannot be written.
        CorruptFileError: a file of it is damaged, or was written by an older version.
    """
    folder, target = RunFolder(run_dir), run_dir if out is None else out
    results = read_results(folder)
    if target.is_file():
        raise BeneficentError(f"--out is {target}, which is a file; allowed is a folder, there or not")
    missing = [key for key in _LATEST_KEYS if key not in results]
    if missing:
        raise CorruptFileError(
            f"{folder.results} has no {', '.join(missing)}: an older version wrote it; delete it, and "
            "'beneficent study run' with the same recipe and source analyses the run again"
        )
    recipe = folder.recipe()
    gathered = gather(folder, make_plan(recipe))
    source = load_source(recipe.source)
    notes = []
    known: Source | None = source
    if source.digest != folder.begun()["source_digest"]:
        known = None
        notes.append(
            f"Prompts are not shown: source {recipe.source} has changed since the run was begun, so its texts may not "
            "be what the models were asked."
        )
    drawings = write_report(folder, results, gathered, known, target / "report.html", publish, notes)
    return Written(target / "report.html", tuple(write_figures(drawings, target / "figures")), tuple(notes))


def write_report(
    folder: RunFolder,
    results: Mapping[str, Any],
    gathered: Gathered,
    source: Source | None,
    out: Path,
    publish: bool = False,
    notes: Sequence[str] = (),
) -> list[Drawing]:
    """Write the page of a run to ``out``; returns its figures.

    Args:
        source: where prompts are from; None where they are not known.
        notes: sentences to print beside the rollouts to read.
    """
    return render(
        results,
        Material(
            rollouts=gathered.rollouts,
            scores=gathered.scores,
            prompts={} if source is None else _prompts(source),
            items={} if source is None else _items(source),
            notes=notes,
        ),
        out,
        title=f"Study {folder.recipe().name}",
        facts=_facts(folder),
        publish=publish,
    )


def with_refusals(rollouts: pl.DataFrame, source: Source) -> pl.DataFrame:
    """The rollouts with the class of every whole answer in ``refusal``; null where there is none."""
    if rollouts.is_empty():
        return rollouts
    whole = pl.col("ending") == Ending.COMPLETED.value
    classes: dict[str, str] = {}
    for answer in rollouts.filter(whole)["answer"].unique():
        # One answer that trips the classifier must not cost the analysis; it has no class then, as in scoring.
        with suppress(Exception):
            classes[answer] = source.refusal(answer)
    classed = pl.col("answer").replace_strict(classes, default=None, return_dtype=pl.String)
    return rollouts.with_columns(pl.when(whole).then(classed).alias("refusal"))


def _prompts(source: Source) -> dict[str, tuple[Message, ...]]:
    """The conversation of every training exercise, by id."""
    exercises: list[Situation | Task] = [*source.situations("train"), *source.tasks("train")]
    return {exercise.id: exercise.messages for exercise in exercises}


def _items(source: Source) -> dict[tuple[str, str], tuple[tuple[Message, ...], ...]]:
    """The conversations of every item, by benchmark and id."""
    suite = build_suite(source)
    return {(own.card.name, item.id): item.conversations for own in suite for item in own.items()}


def _facts(folder: RunFolder) -> dict[str, str]:
    """Lines for the foot of the report."""
    recipe, begun = folder.recipe(), folder.begun()
    machine = read_json(folder.path / "environment.json")[-1]
    frozen = settings_for(folder, recipe).preregistered
    return {
        "recipe": f"{recipe.name} ({recipe.description})" if recipe.description else recipe.name,
        "digest": begun["digest"],
        "source": f"{recipe.source}, digest {begun['source_digest']}",
        "begun": begun["begun"],
        "preregistered": f"{len(frozen)} questions" if frozen else "no, everything here is exploratory",
        "beneficent": f"{machine['beneficent']}, commit {machine['commit'] or 'not known'}",
        "python, torch, transformers": ", ".join(
            [machine["python"], *(str(machine["packages"][name]) for name in ("torch", "transformers"))]
        ),
        "machine": f"{machine['system']}, {machine['processor']}, {machine['cores']} cores",
        "workers": f"{machine['workers']} on {', '.join(machine['devices'])}",
    }
