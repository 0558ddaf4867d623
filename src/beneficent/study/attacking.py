"""Doing the attack steps of a plan, inside a worker: the check, the supervised control, and every group of attacks."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import polars as pl

from beneficent.benchmarks.conditions import Condition
from beneficent.benchmarks.running import score_suite
from beneficent.core.errors import BeneficentError
from beneficent.core.files import write_json
from beneficent.core.ledger import Ledger
from beneficent.core.store import Parts
from beneficent.persistence.disjoint import check_disjoint
from beneficent.persistence.imitation import SITUATIONS, best_answers, imitate
from beneficent.persistence.prompts import prompt_attacks
from beneficent.persistence.scoring import (
    ORDER_SEED,
    AttackedRows,
    AttackSettings,
    Range,
    score_clean,
    score_fine_tuned,
    score_prompts,
)
from beneficent.policy.loading import Policy, save_policy
from beneficent.policy.sampler import Sampling
from beneficent.study.arms import PROMPTED, TRAIT
from beneficent.study.events import StepProgress
from beneficent.study.plan import BY_PROMPTS, CLEAN, FINE_TUNING, Step, arm_folder
from beneficent.study.recipe import AttacksSection
from beneficent.study.suite import spread_evenly
from beneficent.training.examples import SupervisedSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beneficent.study.doing import Workplace


def check(place: "Workplace", step: Step) -> str:
    """See that attack texts are neither trained on nor asked; raises ``DataError`` naming two that overlap."""
    source = place.source
    situations = [*source.situations("train"), *source.situations("test")]
    found = check_disjoint(source.attack_material(), situations, place.suite)
    write_json(place.folder.path / step.marker, found)
    return (
        f"{found['attack_texts']:,} attack texts against {found['study_texts']:,} of the study, at most "
        f"{found['most_shared']:.0%} shared"
    )


def supervise(place: "Workplace", step: Step) -> str:
    """Make ``sft-trait``: supervised on the start's own best answers up to the trait arm's held-out trait score."""
    recipe, source, ledger = place.recipe, place.source, Ledger()
    policy = place.load(source.policy_folder())
    situations = spread_evenly(source.situations("train"), SITUATIONS)
    examples = best_answers(
        policy, situations, source.graders()["trait"], recipe.training.max_new_tokens, step.seed, ledger
    )
    settings = SupervisedSettings(recipe.training.learning_rate)
    wanted = _trait_score(place, step.seed)

    def look(own: Policy) -> float:
        return _look(place, own, ledger)

    result = imitate(policy, examples, wanted, look, settings, step.seed, ledger)
    save_policy(policy, place.folder.of(step) / "policy")
    facts = {**asdict(result), "ledger": ledger.as_dict(), "files": place.digests(step)}
    write_json(place.folder.path / step.marker, facts)
    return f"{result.steps} updates, trait score {result.reached:.2f} (wanted {result.wanted:.2f})"


def _trait_score(place: "Workplace", seed: int) -> float:
    """The trait arm's mean held-out trait score, each trait weighing the same."""
    rows = Parts(place.folder.path / "scores" / arm_folder(TRAIT, seed) / CLEAN).read()
    names = [benchmark.card.name for benchmark in place.suite.by_role("trait")]
    return _mean_of_means(rows.filter(pl.col("benchmark").is_in(names)))


def _look(place: "Workplace", policy: Policy, ledger: Ledger) -> float:
    scoring = place.recipe.scoring
    rows = score_suite(
        policy,
        place.suite.by_role("trait"),
        Condition(CLEAN),
        Sampling(scoring.max_new_tokens, scoring.temperature),
        0,
        place.source.refusal,
        scoring.limit,
        ledger,
    )
    return _mean_of_means(pl.DataFrame(rows, infer_schema_length=None))


def _mean_of_means(rows: pl.DataFrame) -> float:
    if not rows.height:
        raise BeneficentError("attacks.arms has 'sft-trait', but the source has no held-out situations to match it on")
    return float(rows.group_by("benchmark").agg(pl.col("score").mean())["score"].mean())  # type: ignore[arg-type]


def attack(place: "Workplace", step: Step) -> str:
    """One policy through one group of attacks; conditions that an earlier call finished are kept."""
    assert place.recipe.attacks is not None
    parts = Parts(place.folder.of(step))
    done = [note["condition"] for note in parts.notes()]
    policy, total = place.load(place.policy_folder(step)), _num_conditions(place, step)
    for found in _attacked(place, step, place.recipe.attacks, policy, done):
        own: list[dict[str, Any]] = [{"arm": step.arm, "seed": step.seed, **row} for row in found.rows]
        parts.append(own, found.about)
        done.append(found.about["condition"])
        place.tell(StepProgress(step.name, len(done), total))
    write_json(place.folder.path / step.marker, {"items": parts.num_rows()})
    return f"{len(done)} conditions, {parts.num_rows():,} items"


def _attacked(
    place: "Workplace", step: Step, attacks: AttacksSection, policy: Policy, done: list[str]
) -> "Iterator[AttackedRows]":
    group, seed = step.condition, max(step.seed, 0)
    assert group is not None
    material = place.source.attack_material()
    scored = _range(place, attacks, material.standing_line if step.arm == PROMPTED else None)
    if group == CLEAN:
        if CLEAN not in done:
            yield score_clean(policy, scored, seed)
    elif group == BY_PROMPTS:
        yield from score_prompts(policy, scored, prompt_attacks(material, attacks.prompts), seed, tuple(done))
    else:
        train = SupervisedSettings(attacks.learning_rate, attacks.batch_size)
        settings = AttackSettings(attacks.doses, attacks.realignment_doses, train, ORDER_SEED, attacks.lora_rank)
        name = group.removeprefix(FINE_TUNING)
        yield from score_fine_tuned(policy, scored, material, name, settings, seed, tuple(done))


def _range(place: "Workplace", attacks: AttacksSection, standing_line: str | None) -> Range:
    scoring, source = place.recipe.scoring, place.source
    sampling = Sampling(scoring.max_new_tokens, scoring.temperature)
    return Range(place.suite, attacks.benchmarks, attacks.items, sampling, source.refusal, source.digest, standing_line)


def _num_conditions(place: "Workplace", step: Step) -> int:
    attacks = place.recipe.attacks
    assert attacks is not None
    if step.condition == CLEAN:
        return 1
    if step.condition == BY_PROMPTS:
        return len(prompt_attacks(place.source.attack_material(), attacks.prompts))
    return len(attacks.doses) + len(attacks.realignment_doses) * (step.condition != f"{FINE_TUNING}benign")
