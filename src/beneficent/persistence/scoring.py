"""Score one policy under attack: on the panel clean, under each attack by prompt, and on each rung of a fine-tune."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from beneficent.benchmarks.conditions import Condition
from beneficent.benchmarks.listing import Listing
from beneficent.benchmarks.running import ScoreRow, score_suite
from beneficent.benchmarks.types import Benchmark, RefusalClass
from beneficent.core.ledger import Ledger
from beneficent.persistence.finetuning import climb
from beneficent.persistence.keeping import keep_organism
from beneficent.persistence.panel import choose_attack_panel
from beneficent.persistence.personas import follow_rate
from beneficent.persistence.types import BENEFICIAL, BENIGN, Attack, AttackMaterial
from beneficent.policy.loading import Policy, clone_policy
from beneficent.policy.lora import add_lora
from beneficent.policy.sampler import Sampling
from beneficent.training.examples import SupervisedSettings

CLEAN = "clean"
ORDER_SEED = 0
"""Decides the order of the examples of a fine-tune: the same for every policy, whatever seed it was trained with."""


@dataclass(frozen=True, slots=True)
class AttackedRows:
    """The rows of one condition, and what the condition is; ``about`` is JSON-ready and stands beside the rows.

    ``about`` has ``condition``, ``kind`` (``clean``, a kind of attack by prompt, ``finetune`` or ``realign``), ``aim``,
    ``set`` of examples, ``dose``, ``title``, ``loss`` in nats a token (fine-tuning, since the dose before),
    ``follow_rate`` (neutral personas) and the ``ledger``.
    """

    about: dict[str, Any]
    rows: list[ScoreRow]


@dataclass(frozen=True, slots=True)
class AttackSettings:
    """Strengths of a fine-tuning attack, and how it trains."""

    doses: tuple[int, ...]
    realignment_doses: tuple[int, ...]
    supervised: SupervisedSettings
    seed: int
    lora_rank: int | None = None
    """Train an adapter of this rank; without it, all weights."""
    keep: Path | None = None
    """Where the policy is kept as it is after the last dose; without it, nowhere."""


@dataclass(frozen=True)
class Range:
    """Everything that stays the same while policies are attacked: what is asked, how it is sampled and scored."""

    suite: Listing
    num_benchmarks: int
    items: int
    sampling: Sampling
    refusal: Callable[[str], RefusalClass]
    source_digest: str
    standing_line: str | None = None
    """A system line that the policy lives under, before whatever an attack adds."""
    panel: tuple[Benchmark, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "panel", choose_attack_panel(tuple(self.suite), self.num_benchmarks))

    @property
    def with_capability(self) -> tuple[Benchmark, ...]:
        """The panel and every capability benchmark: fine-tuning must not pass for harm where it breaks the policy."""
        return (*self.panel, *self.suite.by_role("capability"))

    def score(
        self, policy: Policy, condition: Condition, benchmarks: Sequence[Benchmark], seed: int, ledger: Ledger
    ) -> list[ScoreRow]:
        """Rows under a condition, as ``score_suite`` gives them."""
        return score_suite(
            policy,
            benchmarks,
            condition,
            self.sampling,
            seed,
            self.refusal,
            self.items,
            ledger,
            self.source_digest,
            self.standing_line,
        )


def score_clean(policy: Policy, place: Range, seed: int) -> AttackedRows:
    """The panel and capability without an attack: dose 0 of everything."""
    ledger = Ledger()
    rows = place.score(policy, Condition(CLEAN), place.with_capability, seed, ledger)
    return AttackedRows({**_about(CLEAN, CLEAN, None, None, ""), "ledger": ledger.as_dict()}, rows)


def score_prompts(
    policy: Policy, place: Range, attacks: Sequence[Attack], seed: int, done: Collection[str] = ()
) -> Iterator[AttackedRows]:
    """The panel under every attack by prompt but those whose names are ``done``."""
    for attack in attacks:
        if attack.name in done:
            continue
        ledger = Ledger()
        asked = list(place.panel)
        follows = attack.follows.benchmark if attack.follows is not None else None
        if follows is not None and follows not in [benchmark.card.name for benchmark in asked]:
            asked.append(place.suite[follows])
        rows = place.score(policy, attack.condition, asked, seed, ledger)
        about = _about(attack.name, attack.kind, attack.aim, attack.dose, attack.title)
        about["follow_rate"] = _follow_rate(attack, rows)
        yield AttackedRows({**about, "ledger": ledger.as_dict()}, rows)


def score_fine_tuned(
    policy: Policy,
    place: Range,
    material: AttackMaterial,
    name: str,
    settings: AttackSettings,
    seed: int,
    done: Collection[str] = (),
) -> Iterator[AttackedRows]:
    """The panel and capability at every dose of the set ``name``, then of re-alignment; ``policy`` is left as it is.

    Rungs that are ``done`` are climbed again and not scored.
    """
    attacked, train = clone_policy(policy), settings.supervised
    if settings.lora_rank is not None:
        attacked = add_lora(attacked, settings.lora_rank)
    aim = "neutral" if name == BENIGN else "harmful"
    stages = [("finetune", name, aim, settings.doses)]
    if settings.realignment_doses and name != BENIGN:
        stages.append(("realign", BENEFICIAL, "helpful", settings.realignment_doses))
    for kind, examples, its_aim, doses in stages:
        ledger = Ledger()
        for rung in climb(attacked, material.examples[examples], doses, train, settings.seed, ledger):
            condition = f"{kind}-{name}-{rung.dose}"
            if condition not in done:
                rows = place.score(attacked, Condition(condition), place.with_capability, seed, ledger)
                about = _about(condition, kind, its_aim, rung.dose, "")
                yield AttackedRows({**about, "set": name, "loss": rung.loss, "ledger": ledger.as_dict()}, rows)
            _empty(ledger)
        if kind == "finetune" and settings.keep is not None:
            keep_organism(attacked, settings.keep, name, doses[-1])


def _empty(ledger: Ledger) -> None:
    """Set the ledger to zero in place: the climber goes on adding to it."""
    for name, value in asdict(Ledger()).items():
        setattr(ledger, name, value)


def _about(condition: str, kind: str, aim: str | None, dose: int | None, title: str) -> dict[str, Any]:
    return {
        "condition": condition,
        "kind": kind,
        "aim": aim,
        "set": None,
        "dose": dose,
        "title": title,
        "loss": None,
        "follow_rate": None,
    }


def _follow_rate(attack: Attack, rows: Sequence[ScoreRow]) -> float | None:
    if attack.follows is None:
        return None
    flat = [(row["benchmark"], answer, row["score"]) for row in rows for answer in row["answers"]]
    names, answers, scores = zip(*flat, strict=True) if flat else ((), (), ())
    return follow_rate(attack.follows, names, answers, scores)
