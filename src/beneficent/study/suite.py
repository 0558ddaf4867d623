"""What every policy of a study is scored on: the source's benchmarks, the held-out situations, the mediation panel."""

from collections.abc import Sequence
from typing import Literal, TypeVar

from beneficent.benchmarks.conditions import Condition
from beneficent.benchmarks.listing import Listing, choose_items
from beneficent.benchmarks.situations import HeldOut
from beneficent.benchmarks.types import Benchmark
from beneficent.core.errors import DataError, RecipeError
from beneficent.persistence.panel import choose_attack_panel
from beneficent.persistence.prompts import prompt_attacks
from beneficent.persistence.types import BENEFICIAL
from beneficent.study.plan import CLEAN
from beneficent.study.recipe import AttacksSection, MediationSection, Recipe
from beneficent.study.source import Source

T = TypeVar("T")


def build_suite(source: Source) -> Listing:
    """The source's benchmarks, then one for each trait that has test situations."""
    graders = source.graders()
    if "trait" not in graders:
        raise DataError(f"the source has no grader 'trait'; it has {', '.join(sorted(graders)) or 'none'}")
    test = source.situations("test")
    traits = sorted({situation.trait for situation in test})
    held_out = [HeldOut(trait, [s for s in test if s.trait == trait], graders["trait"]) for trait in traits]
    return Listing([*source.benchmarks(), *held_out])


def choose_panel(suite: Listing, mediation: MediationSection) -> tuple[Benchmark, ...]:
    """The mediation panel: alignment benchmarks taken from the families in turn, in alphabetical order.

    Raises:
        RecipeError: there are not that many.
    """
    by_family: dict[str, list[Benchmark]] = {}
    for benchmark in sorted(suite.by_role("alignment"), key=lambda one: one.card.name):
        by_family.setdefault(benchmark.card.family, []).append(benchmark)
    longest = max(map(len, by_family.values()), default=0)
    in_turn = [by_family[f][place] for place in range(longest) for f in sorted(by_family) if place < len(by_family[f])]
    if len(in_turn) < mediation.benchmarks:
        raise RecipeError(
            f"mediation.benchmarks is {mediation.benchmarks}, but the source has {len(in_turn)} alignment benchmarks; "
            "allowed is at most that many"
        )
    return tuple(in_turn[: mediation.benchmarks])


def asked_under(condition: str, suite: Listing, recipe: Recipe) -> tuple[tuple[Benchmark, ...], int | None]:
    """The benchmarks scored under a condition, and the limit of items asked of each."""
    if condition == CLEAN:
        return tuple(suite), recipe.scoring.limit
    assert recipe.mediation is not None, "the plan has other conditions only with a mediation panel"
    return choose_panel(suite, recipe.mediation), recipe.mediation.items


def make_condition(name: str, source: Source) -> Condition:
    """What is applied to every item under a condition of the plan.

    Raises:
        DataError: the source has no thoughts to force.
    """
    if name == CLEAN:
        return Condition(name)
    if name == "thought-removed":
        return Condition(name, openings=("",))
    kind: Literal["beneficial", "harmful"] = "beneficial" if name == "thought-beneficial" else "harmful"
    openings = tuple(source.openings(kind))
    if not openings:
        raise DataError(f"condition {name!r} needs {kind} thoughts to force, and the source has none")
    return Condition(name, openings=openings)


def check_attacks(attacks: AttacksSection, source: Source, suite: Listing) -> None:
    """Refuse attacks that cannot be made: a panel that is too large, examples that are missing, unknown benchmarks.

    Raises:
        BeneficentError: naming what is missing.
    """
    choose_attack_panel(tuple(suite), attacks.benchmarks)
    material = source.attack_material()
    needed = [*attacks.fine_tuning, *([BENEFICIAL] if attacks.realignment_doses else [])]
    missing = [name for name in needed if not material.examples.get(name)]
    if missing:
        raise DataError(f"the source has no examples {', '.join(missing)}; it has {', '.join(material.examples)}")
    for attack in prompt_attacks(material, attacks.prompts):
        if attack.follows is not None and attack.follows.benchmark is not None:
            suite[attack.follows.benchmark]


def count_items(benchmarks: Sequence[Benchmark], limit: int | None) -> int:
    """Items asked in all."""
    return sum(len(choose_items(benchmark, limit)) for benchmark in benchmarks)


def in_portions(benchmarks: Sequence[Benchmark], limit: int | None, size: int) -> list[list[Benchmark]]:
    """The benchmarks in order, cut into portions of at most ``size`` items; a larger benchmark is its own portion."""
    portions: list[list[Benchmark]] = []
    filled = 0
    for benchmark in benchmarks:
        num_items = len(choose_items(benchmark, limit))
        if not portions or filled + num_items > size:
            portions.append([])
            filled = 0
        portions[-1].append(benchmark)
        filled += num_items
    return portions


def spread_evenly(all_of: Sequence[T], most: int) -> list[T]:
    """At most so many, evenly over the list."""
    num = min(most, len(all_of))
    return [all_of[index * len(all_of) // num] for index in range(num)]
