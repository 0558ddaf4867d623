"""Attacking checkpoints without a study: any folders, by the settings of a recipe.

The recipe gives the source (benchmarks and what to attack with), how policies are loaded and sampled, and the strengths
of the attacks; its arms and seeds are not used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from beneficent.analysis.attacks import attacks as analyse
from beneficent.core.errors import BeneficentError, RecipeError
from beneficent.core.files import write_json
from beneficent.core.store import Parts
from beneficent.persistence.chat_data import read_chat
from beneficent.persistence.disjoint import check_disjoint
from beneficent.persistence.personas import load_personas
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
from beneficent.persistence.types import BENEFICIAL, AttackKind, AttackMaterial
from beneficent.policy.loading import Policy
from beneficent.policy.sampler import Sampling
from beneficent.study.plan import NO_SEED
from beneficent.study.policies import load_as
from beneficent.study.recipe import AttacksSection, Recipe
from beneficent.study.registry import load_source
from beneficent.study.source import Source
from beneficent.study.suite import build_suite
from beneficent.training.examples import SupervisedSettings


@dataclass(frozen=True, slots=True)
class AttackRequest:
    """What to do to every checkpoint: personas, one kind of attack by prompt, or a fine-tune.

    ``personas`` is a folder that replaces the source's; ``data`` a chat JSONL file that replaces its examples,
    ``examples`` the name of a set of the source. ``keep`` is a folder for the attacked checkpoints, by name.
    """

    kind: AttackKind | Literal["finetune"]
    personas: Path | None = None
    examples: str = "harmful"
    data: Path | None = None
    lora_rank: int | None = None
    keep: Path | None = None


def name_checkpoints(texts: Sequence[str]) -> dict[str, Path]:
    """``name=folder``, or a folder whose last part is the name; raises ``BeneficentError`` for a name given twice."""
    found: dict[str, Path] = {}
    for text in texts:
        name, has_name, folder = text.partition("=")
        path = Path(folder if has_name else text)
        name = name if has_name else path.resolve().name
        if name in found:
            raise BeneficentError(f"two checkpoints are called {name!r}; give them names, as in trait={path}")
        found[name] = path
    return found


def attack_checkpoints(
    recipe: Recipe,
    checkpoints: Mapping[str, Path],
    reference: str,
    request: AttackRequest,
    out: Path | None,
    device: str,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Attack every checkpoint in the same way and compare it with ``reference``.

    Returns ``{"baseline": reference, "attacks": ...}`` with the second as ``analysis.attacks.attacks`` describes it;
    with ``out`` it is written there as ``attacks.json``, with all rows beside it.

    Raises:
        BeneficentError: whatever the user can mend: a folder that is no checkpoint, data that overlap with the study,
            a set of examples that the source does not have.
    """
    if out is not None and out.exists() and any(out.iterdir()):
        raise BeneficentError(f"{out} is there already and not empty; choose another with --out")
    source, settings = load_source(recipe.source), recipe.attacks or AttacksSection()
    suite = build_suite(source)
    material = _material(source, request, settings)
    check_disjoint(material, [*source.situations("train"), *source.situations("test")], suite)
    sampling = Sampling(recipe.scoring.max_new_tokens, recipe.scoring.temperature)
    place = Range(suite, settings.benchmarks, settings.items, sampling, source.refusal, source.digest)
    frames, conditions = [], []
    for name, folder in checkpoints.items():
        policy = load_as(recipe.policy, folder, device)
        for found in _attacked(policy, place, material, request, settings, name):
            own = pl.DataFrame(found.rows, infer_schema_length=None)
            frames.append(own.with_columns(arm=pl.lit(name), seed=pl.lit(NO_SEED, pl.Int64)))
            conditions.append({"arm": name, "seed": NO_SEED, **found.about})
            tell(f"{name}: {found.about['condition']}, {own.height} items")
    rows = pl.concat(frames, how="diagonal_relaxed")
    answer = replace(recipe.analysis, baseline=reference)
    results = {"baseline": reference, "attacks": analyse(rows, conditions, suite.cards, answer)}
    if out is not None:
        Parts(out / "rows").append(rows.to_dicts())
        write_json(out / "attacks.json", {**results, "conditions": conditions})
    return results


def _material(source: Source, request: AttackRequest, attacks: AttacksSection) -> AttackMaterial:
    material = source.attack_material()
    if request.personas is not None:
        material = replace(material, personas=load_personas(request.personas))
    if request.data is not None:
        material = replace(material, examples={**material.examples, request.data.stem: read_chat(request.data)})
    needed = [_set_of(request), *([BENEFICIAL] if attacks.realignment_doses else [])]
    missing = [name for name in needed if not material.examples.get(name)] if request.kind == "finetune" else []
    if missing:
        raise RecipeError(
            f"the source has no examples {missing[0]!r}; it has {', '.join(material.examples)}, or give --data"
        )
    return material


def _set_of(request: AttackRequest) -> str:
    return request.examples if request.data is None else request.data.stem


def _attacked(
    policy: Policy,
    place: Range,
    material: AttackMaterial,
    request: AttackRequest,
    attacks: AttacksSection,
    name: str,
) -> Iterator[AttackedRows]:
    yield score_clean(policy, place, 0)
    if request.kind != "finetune":
        yield from score_prompts(policy, place, prompt_attacks(material, [request.kind]), 0)
        return
    settings = AttackSettings(
        attacks.doses,
        attacks.realignment_doses,
        SupervisedSettings(attacks.learning_rate, attacks.batch_size),
        ORDER_SEED,
        request.lora_rank or attacks.lora_rank,
        None if request.keep is None else request.keep / name,
    )
    yield from score_fine_tuned(policy, place, material, _set_of(request), settings, 0)
