"""The answer of a study: from scores and training rows to the dict that is written as ``results.json``.

``answer`` only reads and computes; it writes nothing. Its result holds JSON types alone (no NaN). Schema, version 1; a
score or a difference lies in 0..1 (points are 100 times that), ``None`` is "not known" and a ``reason`` says why:

``schema`` 1, ``settings`` (``AnswerSettings``), ``baseline``, ``trait_arm``, ``num_benchmarks`` (alignment ones)
``arms``        {arm: {seeds: [int]}}, the start checkpoint ``pre-RL`` with seed -1 first
``verdicts``    [{id, question, sentence, label: preregistered|exploratory, kind, low, high, seeds, published, warning}]
``warnings``    [str] plain sentences to print above everything
``traits``      {arms: {arm: Summary}, levels: [{trait, benchmark, levels: {arm: score}}]} held-out situations
``spread``      {arm: {subsets: {name of transfer.SUBSETS: Summary}, families: {family: Summary}}} alignment benchmarks
``rows``        [Row] every benchmark of role alignment, trait, capability or chat, every arm against the baseline
``transfer``    {health-only|no-health-science: {arm, subset, all, trained format, other formats: Summary}}
``controls``    {arm: {against_baseline: {subset: Summary}, trait_against_control: Summary|None,
                bites: {bites: bool|None, spread, correlation, rise: {value, holds, reason, ...}}}}
``refusals``    {alignment, chat: {arm: {refusal, partial, benchmarks, classed, asked}},
                non_refusing: {arm: {pairs, left_out, benchmarks, ahead, tied, behind, difference, low, high}}}
``capability``, ``chat``  {arm: Summary}
``mediation``   None or {definition, conditions, benchmarks, items,
                levels: [{arm, condition, level, benchmarks, asked, graded}],
                arms: {arm: {all|trained format|other formats: {benchmarks, seeds,
                differences: {condition: {these_models, this_method: Estimate}},
                share: {value, low, high, kind, by_condition, reason}}}}}
``attacks``     None or what attacks did, see ``attacks.attacks`` and ``dose_curves.fine_tuning``
``worlds``      None or the same study in other sources beside this one, see ``worlds.add_worlds``
``monitoring``  None or whether a monitor sees misbehaviour in thoughts, see ``monitoring.monitoring``
``structure``   do benchmarks share a factor over the trained policies, see ``structure.structure``; or {reason}
``over_optimisation``  None or {arm: the training rubric beside a second grader}, see that module
``learning``    {arms: {arm: {weight_change, kl, live_standard, ..., update_norm}},
                baseline_over_trait: {weight_change, kl}, matched_in_learning: bool|None}
``length``      {arm: {thought_tokens, answer_tokens: {start, end}}}
``curves``      [{arm, slots: trait|standard, step, reward, low, high, seeds}] learning curves as drawn
``drift``       [{arm, measure, step, value, low, high, seeds}] lengths and refusals over training, see ``curves``
``domains``     [{arm, domain, difference, pairs}] held-out situations by domain, see ``domains``
``ledgers``     {arm: {runs, prompts, completions, tokens_*, flops_*, flops, flops_per_run, flops_ratio, judge_calls,
                seconds: {stage: float}}}
``denominators``  {arm: {role: {asked, answered, graded, failed}}} clean condition
``unscored``    [{arm, condition, reason, count}]
``protocols``   {condition: {benchmark: hash}}
``published``   {question id: str} as reported; printed beside ours, no target

*Estimate*: {kind, value, units, error, df, low, high, p, q, detectable, equivalence_p, equivalent, reason}
(``statistics.Estimate``). *Summary*: {benchmarks, compared, ahead, tied, behind, significant: {kind: {tested, ahead,
behind, smallest_q}}, seeds, pre_rl, reference_level, level, difference, these_models, this_method: Estimate, pairs,
pairs_asked}. *Row*: {benchmark, arm, reference, title, role, family, format, trained_format, health, traffic,
home_made, falls_when_cautious, chance, version, seeds, pre_rl, denominators: {arm: counts}, compared, reason} and,
where compared, {reference_level, level, difference, per_seed, pairs, pairs_asked, units, these_models, this_method}.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from beneficent.analysis.attacks import attacks
from beneficent.analysis.comparison import Row, compare, correct, summarise
from beneficent.analysis.controls import control_arm, learning, ledger_table, length_drift
from beneficent.analysis.curves import drift_curves, learning_curves
from beneficent.analysis.domains import domain_differences
from beneficent.analysis.mediation import mediation
from beneficent.analysis.monitoring import monitoring
from beneficent.analysis.over_optimisation import over_optimisation
from beneficent.analysis.published import PUBLISHED
from beneficent.analysis.refusals import non_refusing_pairs, refusal_rates
from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.sheets import CLEAN, START, Denominators, Run, Sheet, lay_out, unscored_reasons
from beneficent.analysis.structure import structure_of
from beneficent.analysis.transfer import by_family, by_subset, transfer_lines
from beneficent.analysis.verdicts import verdicts
from beneficent.benchmarks.types import Card
from beneficent.core.errors import DataError
from beneficent.core.ledger import Ledger

SCHEMA = 1
ARM_ORDER = (START, "baseline", "trait", "health-only", "no-health-science", "helpfulness", "style")
TRAIT_ARM = "trait"
ROLES = ("alignment", "trait", "capability", "chat")


def answer(
    scores: pl.DataFrame,
    cards: Sequence[Card],
    trajectories: Mapping[Run, pl.DataFrame],
    ledgers: Mapping[Run, Ledger],
    settings: AnswerSettings,
    *,
    rollouts: pl.DataFrame | None = None,
    training: Mapping[Run, Mapping[str, Any]] | None = None,
    regraded: pl.DataFrame | None = None,
    attacked: tuple[pl.DataFrame, Sequence[Mapping[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Everything the study has to say, JSON-ready; the schema stands at the head of this file.

    Args:
        scores: rows as ``benchmarks.running.score_suite`` gives them, with the columns ``arm`` (``pre-RL`` for the
            start checkpoint) and ``seed`` (null or -1 there).
        cards: one card for every benchmark named in ``scores``.
        trajectories: per (arm, seed) the step rows of training.
        ledgers: per (arm, seed) what it spent.
        rollouts: training rollouts with ``arm``, ``seed`` and, to decide the gate on control rewards and to see
            refusals drift, ``score_trait`` (what the trait rubric says) and ``refusal`` (the class of the answer).
        regraded: answers graded again by a grader that training never used (see ``over_optimisation``).
        attacked: rows scored under attack, and what each of their conditions is (see ``attacks.attacks``).
        training: per (arm, seed) any of ``weight_change`` (relative, 0 = unmoved) and ``kl`` (nats a token) at the end.

    Raises:
        DataError: bad rows (see ``sheets.lay_out``), mixed protocols, no clean rows, or no row of the baseline.
    """
    sheets = lay_out(scores, cards)
    arms = _arms(sheets, settings)
    trained = [arm for arm in arms if arm != START]
    others = [arm for arm in trained if arm != settings.baseline]
    clean = [sheet for sheet in sheets if sheet.condition == CLEAN]
    by_role = {role: [sheet for sheet in clean if sheet.card.role == role] for role in ROLES}
    controls = [arm for arm in settings.control_arms if arm in others]
    rows = _rows(by_role, others, controls, settings)
    against = {role: [row for row in own if row.reference == settings.baseline] for role, own in rows.items()}
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "settings": asdict(settings),
        "baseline": settings.baseline,
        "trait_arm": TRAIT_ARM,
        "num_benchmarks": len(by_role["alignment"]),
        "arms": {arm: {"seeds": sorted({s for sheet in clean for s in sheet.seeds(arm)})} for arm in arms},
        "traits": _traits(by_role["trait"], against["trait"], arms, settings),
        "spread": _spread(against["alignment"], others, settings),
        "domains": domain_differences(scores, cards, others, settings.baseline),
        "rows": [row.as_dict() for own in against.values() for row in own],
        "transfer": transfer_lines(against["alignment"], settings),
        "controls": _controls(controls, rows["alignment"], rollouts, trajectories, settings),
        "refusals": _refusals(by_role, arms, others, settings),
        **{role: _summaries(against[role], others, settings) for role in ("capability", "chat")},
        "mediation": mediation(sheets, others, arms, settings),
        "over_optimisation": over_optimisation(regraded, others),
        "attacks": attacks(*attacked, cards, settings) if attacked else None,
        **_training(trained, trajectories, training or {}, ledgers, rollouts, settings),
        **_footing(by_role, arms, scores, sheets, cards),
    }
    return _finished(results, against["alignment"], settings)


def _finished(results: dict[str, Any], rows: Sequence[Row], settings: AnswerSettings) -> dict[str, Any]:
    """The results with the sentences and warnings that follow from them, JSON-ready."""
    results["verdicts"] = verdicts(results, settings)
    results["warnings"] = _warnings(results, rows)
    jsonable: dict[str, Any] = _jsonable(results)
    return jsonable


def _footing(
    by_role: Mapping[str, Sequence[Sheet]],
    arms: Sequence[str],
    scores: pl.DataFrame,
    sheets: Sequence[Sheet],
    cards: Sequence[Card],
) -> dict[str, Any]:
    """What lies under the comparisons: monitors, a common factor, denominators; and what the paper has beside them."""
    return {
        "monitoring": monitoring(scores, cards, arms),
        "structure": structure_of([sheet for own in by_role.values() for sheet in own]),
        "denominators": {arm: {role: _count(own, arm) for role, own in by_role.items() if own} for arm in arms},
        "unscored": unscored_reasons(scores),
        "protocols": _protocols(sheets),
        "published": PUBLISHED,
    }


def _arms(sheets: Sequence[Sheet], settings: AnswerSettings) -> list[str]:
    """Arms with clean scores, in the order of ``ARM_ORDER``, then by name."""
    found = {arm for sheet in sheets if sheet.condition == CLEAN for arm, _ in sheet.scores}
    if not found:
        conditions = sorted({sheet.condition for sheet in sheets})
        raise DataError(f"no scores under the condition {CLEAN!r}; there are {conditions}")
    if settings.baseline not in found:
        raise DataError(f"no scores of the baseline arm {settings.baseline!r}; there are {sorted(found)}")
    known = {arm: place for place, arm in enumerate(ARM_ORDER)}
    return sorted(found, key=lambda arm: (known.get(arm, len(known)), arm))


def _rows(
    by_role: Mapping[str, Sequence[Sheet]], others: Sequence[str], controls: Sequence[str], settings: AnswerSettings
) -> dict[str, list[Row]]:
    """Compared and corrected rows of each role; on alignment benchmarks the trait arm also meets each control."""
    against = [(arm, settings.baseline) for arm in others]
    leads = [(TRAIT_ARM, control) for control in controls if TRAIT_ARM in others]

    def family(row: Row) -> str:
        if row.reference != settings.baseline:
            return f"{row.arm} - {row.reference}"
        return row.arm if settings.family == "arm" else "study"

    found = {}
    for role, sheets in by_role.items():
        contrasts = against + (leads if role == "alignment" else [])
        found[role] = correct(compare(sheets, contrasts, START, settings), family)
    return found


def _spread(rows: Sequence[Row], arms: Sequence[str], settings: AnswerSettings) -> dict[str, Any]:
    return {
        arm: {"subsets": by_subset(own, settings), "families": by_family(own, settings)}
        for arm, own in _by_arm(rows, arms).items()
    }


def _controls(
    arms: Sequence[str],
    rows: Sequence[Row],
    rollouts: pl.DataFrame | None,
    trajectories: Mapping[Run, pl.DataFrame],
    settings: AnswerSettings,
) -> dict[str, Any]:
    return {arm: control_arm(arm, TRAIT_ARM, rows, rollouts, trajectories, settings) for arm in arms}


def _training(
    arms: Sequence[str],
    trajectories: Mapping[Run, pl.DataFrame],
    training: Mapping[Run, Mapping[str, Any]],
    ledgers: Mapping[Run, Ledger],
    rollouts: pl.DataFrame | None,
    settings: AnswerSettings,
) -> dict[str, Any]:
    """What training did and spent: the parts of the answer that need no score."""
    return {
        "learning": learning(arms, TRAIT_ARM, trajectories, training, settings),
        "length": length_drift(arms, trajectories),
        "curves": learning_curves(trajectories),
        "drift": drift_curves(rollouts),
        "ledgers": ledger_table(ledgers, settings),
    }


def _by_arm(rows: Iterable[Row], arms: Sequence[str]) -> dict[str, list[Row]]:
    rows = list(rows)
    return {arm: [row for row in rows if row.arm == arm] for arm in arms}


def _summaries(rows: Sequence[Row], arms: Sequence[str], settings: AnswerSettings) -> dict[str, Any]:
    return {arm: summarise(own, settings) for arm, own in _by_arm(rows, arms).items() if own}


def _traits(
    sheets: Sequence[Sheet], rows: Sequence[Row], arms: Sequence[str], settings: AnswerSettings
) -> dict[str, Any]:
    levels = [
        {
            "trait": sheet.card.loads_on[0] if sheet.card.loads_on else sheet.card.name,
            "benchmark": sheet.card.name,
            "levels": {arm: sheet.level(arm) for arm in arms if sheet.seeds(arm)},
        }
        for sheet in sheets
    ]
    return {
        "arms": _summaries(rows, [arm for arm in arms if arm not in (START, settings.baseline)], settings),
        "levels": levels,
    }


def _refusals(
    by_role: Mapping[str, Sequence[Sheet]], arms: Sequence[str], others: Sequence[str], settings: AnswerSettings
) -> dict[str, Any]:
    return {
        **{suite: refusal_rates(by_role[suite], arms) for suite in ("alignment", "chat")},
        "non_refusing": {arm: non_refusing_pairs(by_role["alignment"], arm, settings.baseline) for arm in others},
    }


def _count(sheets: Sequence[Sheet], arm: str) -> dict[str, int]:
    return sum((sheet.counted(arm) for sheet in sheets), Denominators()).as_dict()


def _protocols(sheets: Sequence[Sheet]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for sheet in sheets:
        found.setdefault(sheet.condition, {})[sheet.card.name] = sheet.protocol
    return found


def _warnings(results: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    seeds = {arm: own["seeds"] for arm, own in results["arms"].items() if arm != START}
    found = []
    fewest = min(len(own) for own in seeds.values())
    if fewest < 3:
        count = "is one seed" if fewest == 1 else f"are {fewest} seeds"
        found.append(f"There {count} an arm: intervals speak about these trained models, not about the method.")
    if len({tuple(own) for own in seeds.values()}) > 1:
        found.append(f"Arms were not all run with the same seeds: {seeds}; each is compared on the seeds it shares.")
    skipped = sorted({f"{row.card.name} ({row.arm}: {row.reason})" for row in rows if not row.compared})
    if skipped:
        found.append(f"Not compared: {', '.join(skipped)}.")
    found += [f"{verdict['id']}: {verdict['warning']}" for verdict in results["verdicts"] if verdict["warning"]]
    return found


def _jsonable(value: Any) -> Any:
    """The value with lists for tuples and ``None`` for numbers that JSON cannot hold."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(own) for own in value]
    if isinstance(value, bool) or value is None or isinstance(value, (str, int)):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
