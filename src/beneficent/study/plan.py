"""The plan of a study: its steps, what each needs, and how to see that one is done.

The lengths of the starting policy's own completions are looked at first; then, for each arm and seed: train (and go on
training, where arms are matched by operations), then score under every condition; the starting checkpoint is scored
too; then the second grader and the attacks that the recipe asks for; then analyse, then report. A step is done when its
marker file is there; markers are written last.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from beneficent.study.arms import ARMS, PRE_RL, PROMPTED, SFT_TRAIT, TRAIT
from beneficent.study.recipe import Recipe

Kind = Literal["probe", "train", "match", "score", "regrade", "check", "supervise", "attack", "analyse", "report"]
Status = Literal["done", "ready", "waiting"]

CLEAN = "clean"
MEDIATION = ("thought-removed", "thought-beneficial", "thought-harmful")
PROBE = "probe lengths"
CHECK = "check attacks"
BY_PROMPTS = "prompts"
FINE_TUNING = "finetune-"
"""Groups of attacks: the panel clean, all prompts together, and one for each set of examples to fine-tune on."""
NO_SEED = -1
"""The seed that stands in rows of the starting checkpoint."""


@dataclass(frozen=True, slots=True)
class Step:
    """``Step("train", "train trait seed 100", "trait", 100, None, "arms/trait-100/done.json")``.

    ``marker`` is relative to the run folder; ``needs`` are names of steps.
    """

    kind: Kind
    name: str
    arm: str | None
    seed: int
    condition: str | None
    marker: str
    needs: tuple[str, ...] = ()

    @property
    def by_worker(self) -> bool:
        """Whether it is done by a worker process, not by the one that plans."""
        return self.kind not in ("analyse", "report")

    @property
    def folder(self) -> str:
        """The step's own folder, relative to the run folder."""
        return str(Path(self.marker).parent)


def conditions(recipe: Recipe) -> tuple[str, ...]:
    """Names of the conditions every policy is scored under."""
    return (CLEAN, *MEDIATION) if recipe.mediation is not None else (CLEAN,)


def arm_folder(arm: str, seed: int) -> str:
    """Name of the folder of one arm and seed; the starting checkpoint has no seed."""
    return arm if seed == NO_SEED else f"{arm}-{seed}"


def make_plan(recipe: Recipe) -> tuple[Step, ...]:
    """All steps in an order that respects every need, long chains first so that workers stay busy to the end."""
    runs = [(arm, seed) for seed in recipe.seeds for arm in recipe.arms]
    probe = Step("probe", PROBE, None, NO_SEED, None, "probe/done.json")
    training = [_train(arm, seed) for arm, seed in runs]
    if recipe.training.match == "flops":
        training += [_match(arm, seed, [_train(other, seed).name for other in recipe.arms]) for arm, seed in runs]
    last = {(step.arm, step.seed): step.name for step in training}
    scoring = [
        _score(arm, seed, condition, last.get((arm, seed)))
        for condition in conditions(recipe)
        for arm, seed in [(PRE_RL, NO_SEED), *runs]
    ]
    regrading = [_regrade(arm, seed, last[arm, seed]) for arm, seed in runs if recipe.regrade_with and ARMS[arm].grader]
    measured = [probe, *training, *scoring, *regrading, *_attacks(recipe, last)]
    analyse = Step("analyse", "analyse", None, NO_SEED, None, "results.json", tuple(step.name for step in measured))
    report = Step("report", "report", None, NO_SEED, None, "report.html", (analyse.name,))
    return (*measured, analyse, report)


def attack_groups(recipe: Recipe) -> tuple[str, ...]:
    """The groups of attacks that every attacked policy goes through, the clean panel first."""
    attacks = recipe.attacks
    if attacks is None:
        return ()
    prompts = (BY_PROMPTS,) if attacks.prompts else ()
    return (CLEAN, *prompts, *(f"{FINE_TUNING}{name}" for name in attacks.fine_tuning))


def _attacks(recipe: Recipe, trained: dict[tuple[str | None, int], str]) -> list[Step]:
    """The check, the supervised control, and every attacked policy through every group of attacks."""
    attacks = recipe.attacks
    if attacks is None:
        return []
    seeds = attacks.seeds or recipe.seeds
    steps = [Step("check", CHECK, None, NO_SEED, None, "attacks/check.json")]
    if SFT_TRAIT in attacks.arms:
        steps += [_supervise(seed) for seed in seeds]
        trained = trained | {(SFT_TRAIT, seed): _supervise(seed).name for seed in seeds}
    runs = [(arm, seed) for arm in attacks.arms for seed in ((NO_SEED,) if arm in (PRE_RL, PROMPTED) else seeds)]
    return steps + [
        _attack(arm, seed, group, trained.get((arm, seed))) for group in attack_groups(recipe) for arm, seed in runs
    ]


def statuses(plan: Sequence[Step], is_done: Callable[[Step], bool]) -> dict[str, Status]:
    """Status of each step by name; a step whose needs are not done waits, whatever its marker says."""
    found: dict[str, Status] = {}
    for step in plan:
        if any(found[need] != "done" for need in step.needs):
            found[step.name] = "waiting"
        else:
            found[step.name] = "done" if is_done(step) else "ready"
    return found


def ready(steps: Sequence[Step], done: Collection[str], taken: Collection[str]) -> list[Step]:
    """Steps that can start now, in the order of the plan."""
    known = {step.name for step in steps}
    return [
        step
        for step in steps
        if step.name not in done and step.name not in taken and all(n in done for n in step.needs if n in known)
    ]


def last_training(plan: Sequence[Step]) -> list[Step]:
    """For each arm and seed the step after which its policy is trained, in the order of the plan."""
    return list({(step.arm, step.seed): step for step in plan if step.kind in ("train", "match")}.values())


def _train(arm: str, seed: int) -> Step:
    marker = f"arms/{arm_folder(arm, seed)}/done.json"
    return Step("train", f"train {arm} seed {seed}", arm, seed, None, marker, (PROBE,))


def _match(arm: str, seed: int, trained: Sequence[str]) -> Step:
    marker = f"arms/{arm_folder(arm, seed)}/matched.json"
    return Step("match", f"match {arm} seed {seed}", arm, seed, None, marker, tuple(trained))


def _score(arm: str, seed: int, condition: str, trained: str | None) -> Step:
    where = arm if seed == NO_SEED else f"{arm} seed {seed}"
    marker = f"scores/{arm_folder(arm, seed)}/{condition}/done.json"
    return Step("score", f"score {where} {condition}", arm, seed, condition, marker, (trained,) if trained else ())


def _regrade(arm: str, seed: int, trained: str) -> Step:
    marker = f"regraded/{arm_folder(arm, seed)}/done.json"
    needs = (trained, f"score {arm} seed {seed} {CLEAN}")
    return Step("regrade", f"regrade {arm} seed {seed}", arm, seed, None, marker, needs)


def _supervise(seed: int) -> Step:
    marker = f"arms/{arm_folder(SFT_TRAIT, seed)}/done.json"
    needs = (f"score {TRAIT} seed {seed} {CLEAN}", CHECK)
    return Step("supervise", f"supervise {SFT_TRAIT} seed {seed}", SFT_TRAIT, seed, None, marker, needs)


def _attack(arm: str, seed: int, group: str, trained: str | None) -> Step:
    where = arm if seed == NO_SEED else f"{arm} seed {seed}"
    marker = f"attacks/{arm_folder(arm, seed)}/{group}/done.json"
    needs = (CHECK, trained) if trained else (CHECK,)
    return Step("attack", f"attack {where} {group}", arm, seed, group, marker, needs)
