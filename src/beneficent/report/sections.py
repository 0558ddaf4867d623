"""The sections of the page: which figures and tables stand together, and what each figure says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from beneficent.analysis import attack_tables as attacked
from beneficent.analysis import comparison_tables as compared
from beneficent.analysis import tables as tabulate
from beneficent.analysis.cells import Table
from beneficent.analysis.curves import drift_table
from beneficent.analysis.domains import domains_table
from beneficent.analysis.structure import structure_table
from beneficent.analysis.worlds import worlds_table
from beneficent.report import attack_figures, figures, training_figures, transfer_figures
from beneficent.report.drawing import Drawing


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with the sentences under it: what it shows, over what, and which interval."""

    title: str
    caption: str
    drawing: Drawing


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its figures and tables; ``folded`` tables are closed at first, ``note`` says what is missing."""

    id: str
    title: str
    figures: Sequence[Figure]
    tables: Sequence[Table]
    folded: Sequence[Table] = ()
    note: str = ""


def sections(results: Mapping[str, Any]) -> list[Section]:
    """All sections that have something to show, in the order of the page."""
    found = [
        Section("installed", "Held-out traits", _traits(results), [tabulate.trait_table(results)]),
        _spread(results),
        _transfer(results),
        _controls(results),
        Section(
            "mediation",
            "Mediation: how much runs through the thought",
            _mediation(results),
            [tabulate.mediation_table(results), tabulate.share_table(results)],
        ),
        *_attacks(results),
        Section("worlds", "Null worlds beside the real one", _worlds(results), [worlds_table(results)]),
        Section("structure", "Structure: do benchmarks share a factor?", [], [structure_table(results)]),
        Section(
            "learning",
            "Learning",
            _learning(results),
            [tabulate.learning_table(results), drift_table(results)],
        ),
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
    kept = [replace(own, tables=_with_rows(own.tables), folded=_with_rows(own.folded)) for own in found]
    return [own for own in kept if own.figures or own.tables or own.folded]


def _with_rows(tables: Sequence[Table]) -> list[Table]:
    return [table for table in tables if table.rows]


def _figure(title: str, caption: str, drawing: Drawing | None) -> list[Figure]:
    return [] if drawing is None else [Figure(title, caption, drawing)]


def _traits(results: Mapping[str, Any]) -> list[Figure]:
    caption = (
        "Mean rubric score on held-out situations (0 to 1) by trait, one mark an arm, over all graded items and seeds. "
        "No interval is drawn; both are in the table, for the mean over traits."
    )
    return _figure("Held-out score by trait", caption, figures.trait_levels(results))


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
        for figure in _figure(f"{arm} against {results['baseline']}", caption, figures.forest(results, arm))
    ]


def _transfer(results: Mapping[str, Any]) -> Section:
    differences = (
        "Mean difference to the baseline on the alignment benchmarks of the part that the arm was not trained on, all "
        "of them and by format. Thick line: 95% interval for these models (items resampled). Thin dashed line: 95% "
        "interval for this method (seeds)."
    )
    domains = (
        "Difference to the baseline in points on held-out situations: across, what the arm was trained on; down, the "
        "domain of the situation. Mean over traits and seeds, items graded in both arms. No interval: situations of "
        "one domain share scenes, so one domain is one unit."
    )
    missing = (
        "No arm here was trained on some of the domains only, so nothing can be said on transfer from domain to domain."
    )
    return Section(
        "transfer",
        "Transfer",
        [
            *_figure("What was not trained", differences, transfer_figures.transfer(results)),
            *_figure("By trained and measured domain", domains, transfer_figures.domain_heat_map(results)),
        ],
        [compared.transfer_table(results), domains_table(results)],
        note="" if results["transfer"] else missing,
    )


def _controls(results: Mapping[str, Any]) -> Section:
    gamed = (
        "The training rubric's score of the rollouts and a second grader's, which training never saw, on the same "
        "answers, by step; seeds averaged, no interval. Where the first goes on rising without the second, the rubric "
        "is being gamed."
    )
    monitors = (
        "How well a monitor learnt on the starting policy tells misbehaving answers from others, in each arm: with the "
        "thought and from the answer alone, on every monitoring benchmark and on all; seeds pooled. A description "
        "without an interval."
    )
    return Section(
        "controls",
        "Controls",
        [
            *_figure("Training rubric and second grader by step", gamed, training_figures.over_optimisation(results)),
            *_figure("Monitorability", monitors, figures.monitorability(results)),
        ],
        [
            tabulate.controls_table(results),
            tabulate.capability_table(results),
            tabulate.refusal_table(results),
            tabulate.pairs_table(results),
            tabulate.over_optimisation_table(results),
            tabulate.monitoring_table(results),
        ],
    )


def _mediation(results: Mapping[str, Any]) -> list[Figure]:
    caption = (
        "Mean score on the mediation panel with the arm's own thoughts (clean), with the thought removed, and with a "
        "beneficial or a harmful thought forced; seeds averaged, no interval. Where arms that differ when clean come "
        "together under a forced thought, their difference ran through the thought."
    )
    return _figure("Level under forced thoughts", caption, figures.mediation_levels(results))


def _worlds(results: Mapping[str, Any]) -> list[Figure]:
    caption = (
        "Difference between trait and baseline arm, 95% interval for these models, in the trained format and in the "
        "others, one row a world. The null worlds have no common cause for other formats to share."
    )
    return _figure("Trait against baseline by world", caption, figures.world_differences(results))


def _attacks(results: Mapping[str, Any]) -> list[Section]:
    """Attacks by prompt, then one section for all fine-tuning; neither where nothing was attacked."""
    own = results["attacks"]
    if not own:
        return []
    slopes = (
        "Level on the attack panel, clean and under each persona; seeds averaged, no interval. A harmful persona that "
        "does not lower the starting policy is invalid, one that moves no arm is inert; neither supports a claim."
    )
    by_prompt = Section(
        "prompts",
        "Persistence: attacks by prompt",
        _figure("Personas", slopes, attack_figures.persona_slopes(results)),
        [attacked.prompts_table(results), attacked.steerability_table(results)],
        [attacked.prompt_losses_table(results), attacked.panel_table(results)],
    )
    names = list(own["fine_tuning"])
    tuned = Section(
        "fine-tuning",
        "Persistence: fine-tuning attacks",
        [figure for name in names for figure in _fine_tuning(results, name)],
        [attacked.validity_table(results), attacked.supervised_table(results)] if names else [],
        [attacked.dose_table(results, name) for name in names],
    )
    return [by_prompt, tuned]


def _fine_tuning(results: Mapping[str, Any], name: str) -> list[Figure]:
    doses = (
        "Level on the health and on the other benchmarks of the panel after so many updates on the same examples in "
        "the same order; seeds averaged, no interval. Every arm goes through it, the starting policy too."
    )
    harm = (
        "Each arm's path from before the attack to its last dose: how much it came to harm in the domain, and what was "
        "left elsewhere; seeds averaged, the interval at equal harm is in the table. Arms compare where they lie at "
        "the same harm, not after the same number of updates."
    )
    return [
        *_figure(f"{name}: elsewhere against harm in the domain", harm, attack_figures.matched_harm(results, name)),
        *_figure(f"{name}: level by dose", doses, attack_figures.dose_curves(results, name)),
    ]


def _learning(results: Mapping[str, Any]) -> list[Figure]:
    rewards = (
        "Mean reward of the scored completions by step, steps averaged in up to 40 bins. Line: mean over seeds; band: "
        "lowest to highest seed. On trait slots each arm has its own reward, so levels there compare within an arm. "
        "Benchmarks are scored at the end of training only, so they have no curves."
    )
    drift = (
        "Mean tokens a completion (thought and answer), and the share of whole answers classed as a refusal, on the "
        "standard slots, which hold the same tasks in every arm, and on trait slots; steps averaged in up to 40 bins. "
        "Line: mean over seeds; band: lowest to highest seed."
    )
    return [
        *_figure("Learning curves", rewards, training_figures.learning_curves(results)),
        *_figure("Drift of lengths and refusals", drift, training_figures.drift(results)),
    ]
