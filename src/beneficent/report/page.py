"""``report.html``: one self-contained page, no script, no network. Model text is untrusted and escaped, always."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from beneficent.analysis import attack_tables as attacked
from beneficent.analysis import comparison_tables as compared
from beneficent.analysis import tables as tabulate
from beneficent.analysis.cells import Table
from beneficent.analysis.structure import structure_table
from beneficent.analysis.worlds import worlds_table
from beneficent.core.files import write_text
from beneficent.report import attack_figures, figures
from beneficent.report.rollouts import choose

MAX_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with the sentences under it."""

    id: str
    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its figures and tables."""

    id: str
    title: str
    figures: Sequence[Figure]
    tables: Sequence[Table]
    folded: Sequence[Table] = ()


def render(
    results: Mapping[str, Any],
    rollouts: pl.DataFrame | None,
    out: Path,
    *,
    title: str | None = None,
    prompts: Mapping[str, str] | None = None,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write the page to ``out``, whole or not at all.

    Args:
        results: what ``analysis.answer.answer`` gave; a dict ``study`` in it (name of the recipe, digest ...) heads the
            facts at the foot of the page.
        rollouts: training rollouts with ``arm`` and ``seed``, or None.
        title: the heading; by default the recipe's name.
        prompts: exercise id -> its conversation as text, shown above the rollouts.
        facts: more lines for the foot of the page, such as versions and machine.

    Raises:
        ValueError: the page would be larger than ``MAX_BYTES``.
    """
    study = results.get("study", {})
    environment = Environment(
        loader=PackageLoader("beneficent.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html.j2").render(
        title=title or f"Beneficent: {study.get('recipe', 'a study')}",
        results=results,
        lead=_lead(results),
        sections=sections(results),
        readings=choose(rollouts, prompts or {}),
        facts={**study, **(facts or {})},
    )
    size = len(page.encode())
    if size > MAX_BYTES:
        raise ValueError(f"the page would be {size:,} bytes; allowed are {MAX_BYTES:,}")
    write_text(out, page)


def _lead(results: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The verdict that opens the page."""
    verdicts = results["verdicts"]
    return next((verdict for verdict in verdicts if verdict["id"] == "spread"), verdicts[0] if verdicts else None)


def sections(results: Mapping[str, Any]) -> list[Section]:
    """All sections that have something to show, in the order of the page."""
    found = [
        Section("installed", "Held-out traits", _traits(results), [tabulate.trait_table(results)]),
        _spread(results),
        Section("transfer", "Transfer", [], [compared.transfer_table(results)]),
        Section(
            "controls",
            "Controls",
            _over_optimisation(results),
            [
                tabulate.controls_table(results),
                tabulate.capability_table(results),
                tabulate.refusal_table(results),
                tabulate.pairs_table(results),
                tabulate.over_optimisation_table(results),
                tabulate.monitoring_table(results),
            ],
        ),
        Section(
            "mediation",
            "Mediation: how much runs through the thought",
            _mediation(results),
            [tabulate.mediation_table(results), tabulate.share_table(results)],
        ),
        *_attacks(results),
        Section("worlds", "Null worlds beside the real one", _worlds(results), [worlds_table(results)]),
        Section("structure", "Structure: do benchmarks share a factor?", [], [structure_table(results)]),
        Section("learning", "Learning", _learning(results), [tabulate.learning_table(results)]),
        Section(
            "spent",
            "What was spent, and what every number rests on",
            [],
            [
                tabulate.ledger_table(results),
                tabulate.seconds_table(results),
                tabulate.denominators_table(results),
                tabulate.unscored_table(results),
            ],
        ),
        Section("published", "Beside the paper", [], [tabulate.published_table(results)]),
    ]
    kept = [
        Section(
            own.id,
            own.title,
            own.figures,
            [table for table in own.tables if table.rows],
            [table for table in own.folded if table.rows],
        )
        for own in found
    ]
    return [own for own in kept if own.figures or own.tables or own.folded]


def _spread(results: Mapping[str, Any]) -> Section:
    """Every arm on the alignment benchmarks; what is long is folded."""
    others, trait = list(results["spread"]), results["trait_arm"]
    return Section(
        "spread",
        f"{results['num_benchmarks']} alignment benchmarks",
        _forests(results, others),
        [
            compared.arms_table(results),
            compared.subsets_table(results),
            compared.families_table(results, trait),
            compared.families_by_arm_table(results),
        ],
        [
            *(compared.families_table(results, arm) for arm in others if arm != trait),
            *(compared.benchmark_table(results, arm) for arm in others),
        ],
    )


def _figure(id: str, title: str, caption: str, svg: Markup | None) -> list[Figure]:
    return [] if svg is None else [Figure(id, title, caption, svg)]


def _traits(results: Mapping[str, Any]) -> list[Figure]:
    caption = "Mean rubric score on held-out situations, one mark an arm; seeds averaged."
    return _figure("traits", "Held-out score by trait", caption, figures.trait_levels(results))


def _forests(results: Mapping[str, Any], arms: Sequence[str]) -> list[Figure]:
    caption = (
        "One row a benchmark, largest difference on top. Thick line: 95% interval for these models (items resampled). "
        "Thin dashed line: 95% interval for this method (seeds). Squares are in the trained format, circles in formats "
        f"never trained. Coloured where q < {results['settings']['false_discovery_rate']:g} for these models."
    )
    shown = [arm for arm in arms if arm == results["trait_arm"]] or list(arms[:1])
    return [
        figure
        for arm in shown
        for figure in _figure(
            f"forest-{arm}", f"{arm} against {results['baseline']}", caption, figures.forest(results, arm)
        )
    ]


def _mediation(results: Mapping[str, Any]) -> list[Figure]:
    caption = (
        "Score on the panel with the arm's own thoughts (clean), with the thought removed, and with a beneficial or a "
        "harmful thought forced. Where arms that differ when clean come together under a forced thought, their "
        "difference ran through the thought."
    )
    return _figure("mediation", "Level under forced thoughts", caption, figures.mediation_levels(results))


def _over_optimisation(results: Mapping[str, Any]) -> list[Figure]:
    caption = (
        "The training rubric's score of the rollouts and a second grader's, which training never saw, on the same "
        "answers. Where the first goes on rising without the second, the rubric is being gamed."
    )
    svg = figures.over_optimisation(results)
    return _figure("over-optimisation", "Training rubric and second grader by step", caption, svg)


def _worlds(results: Mapping[str, Any]) -> list[Figure]:
    caption = (
        "Difference between trait and baseline arm, 95% interval for these models, in the trained format and in the "
        "others, one row a world. The null worlds have no common cause for other formats to share."
    )
    return _figure("worlds", "Trait against baseline by world", caption, figures.world_differences(results))


def _attacks(results: Mapping[str, Any]) -> list[Section]:
    """Attacks by prompt, then one section for all fine-tuning; neither where nothing was attacked."""
    own = results["attacks"]
    if not own:
        return []
    slopes = (
        "Level on the attack panel, clean and under each persona. A harmful persona that does not lower the starting "
        "policy is invalid, one that moves no arm is inert; neither supports a claim."
    )
    by_prompt = Section(
        "prompts",
        "Persistence: attacks by prompt",
        _figure("personas", "Personas", slopes, attack_figures.persona_slopes(results)),
        [attacked.prompts_table(results), attacked.steerability_table(results)],
        [attacked.prompt_losses_table(results), attacked.panel_table(results)],
    )
    names = list(own["fine_tuning"])
    tuned = Section(
        "fine-tuning",
        "Persistence: fine-tuning attacks",
        [figure for name in names for figure in _fine_tuning(results, name)],
        [attacked.validity_table(results)] if names else [],
        [attacked.dose_table(results, name) for name in names],
    )
    return [by_prompt, tuned]


def _fine_tuning(results: Mapping[str, Any], name: str) -> list[Figure]:
    doses = (
        "Level on the health and on the other benchmarks of the panel after so many updates on the same examples in "
        "the same order. Every arm goes through it, the starting policy too."
    )
    harm = (
        "Each arm's path from before the attack to its last dose: how much it came to harm in the domain, and what was "
        "left elsewhere. Arms compare where they lie at the same harm, not after the same number of updates."
    )
    matched, curves = attack_figures.matched_harm(results, name), attack_figures.dose_curves(results, name)
    return [
        *_figure(f"matched-{name}", f"{name}: elsewhere against harm in the domain", harm, matched),
        *_figure(f"doses-{name}", f"{name}: level by dose", doses, curves),
    ]


def _learning(results: Mapping[str, Any]) -> list[Figure]:
    caption = (
        "Mean reward of the scored completions by step, steps averaged in up to 40 bins. Line: mean over seeds; band: "
        "lowest to highest seed. On trait slots each arm has its own reward, so levels there compare within an arm."
    )
    return _figure("learning-curves", "Learning curves", caption, figures.learning_curves(results))
