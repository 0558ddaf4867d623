"""Doing one step of the plan, inside a worker: train an arm, or score a policy under a condition.

Imports torch; the process that plans and shows a run does not import this.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from beneficent.benchmarks.listing import Listing
from beneficent.benchmarks.running import score_suite
from beneficent.core.errors import BeneficentError, CorruptFileError
from beneficent.core.files import read_json, write_json
from beneficent.core.hashing import file_digest
from beneficent.core.ledger import Ledger
from beneficent.core.locks import folder_lock
from beneficent.core.store import Parts
from beneficent.policy.loading import Policy, save_policy
from beneficent.policy.sampler import Sampling, sample
from beneficent.policy.types import Ending
from beneficent.study import attacking, regrading
from beneficent.study.arms import ARMS
from beneficent.study.events import Event, StepProgress
from beneficent.study.exercises import rubric_of, standard_exercises, trait_exercises
from beneficent.study.folder import RunFolder, remove_folder
from beneficent.study.plan import NO_SEED, Step, arm_folder
from beneficent.study.policies import load_as
from beneficent.study.recipe import Recipe
from beneficent.study.recorder import PartsRecorder
from beneficent.study.registry import load_source
from beneficent.study.source import Source
from beneficent.study.suite import asked_under, build_suite, count_items, in_portions, make_condition, spread_evenly
from beneficent.training.loop import TrainingResult, train
from beneficent.training.mixture import fill, further, lay_out

ORPHAN_SECONDS = 30.0
"""How long to wait for a worker of a killed run to notice and leave the step's folder."""
PROBE_EXERCISES = 48
"""Tasks, and as many situations, on which the starting policy's lengths are looked at."""
PROBE_SAMPLES = 2
"""Completions of each of them."""


class Workplace:
    """Everything a worker keeps between steps: recipe, run folder, device, and the source with its suite."""

    def __init__(self, recipe: Recipe, folder: RunFolder, device: str, tell: Callable[[Event], None]) -> None:
        self.recipe = recipe
        self.folder = folder
        self.device = device
        self.tell = tell

    @cached_property
    def source(self) -> Source:
        return load_source(self.recipe.source)

    @cached_property
    def suite(self) -> Listing:
        return build_suite(self.source)

    def do(self, step: Step) -> str:
        """Do the step and write its marker; returns a line for people.

        Raises:
            BeneficentError: whatever the user can mend, such as a diverging arm, a damaged file or a full disk.
        """
        do: dict[str, Callable[[Step], str]] = {
            "probe": self._probe,
            "train": self._train,
            "match": self._match,
            "score": self._score,
            "regrade": partial(regrading.regrade, self),
            "check": partial(attacking.check, self),
            "supervise": partial(attacking.supervise, self),
            "attack": partial(attacking.attack, self),
        }
        with folder_lock(self.folder.of(step), wait_seconds=ORPHAN_SECONDS):
            return "was done already" if self.folder.is_done(step) else do[step.kind](step)

    def load(self, folder: Path) -> Policy:
        """The policy in a folder, as the recipe loads it."""
        return load_as(self.recipe.policy, folder, self.device)

    def _probe(self, step: Step) -> str:
        """Sample the starting policy on training exercises; refuse a length limit that would cut what it says.

        Raises:
            BeneficentError: more than ``policy.most_cut`` of the completions are cut.
        """
        settings, most_cut = self.recipe.training, self.recipe.policy.most_cut
        policy = self.load(self.source.policy_folder())
        tasks, situations = self.source.tasks("train"), self.source.situations("train")
        asked = [one.messages for one in spread_evenly(tasks, PROBE_EXERCISES)]
        asked += [one.messages for one in spread_evenly(situations, PROBE_EXERCISES)]
        prompts = [policy.renderer.render(messages) for messages in asked]
        groups = sample(policy, prompts, PROBE_SAMPLES, Sampling(settings.max_new_tokens), seed=0)
        completions = [completion for group in groups for completion in group]
        lengths = sorted(len(completion.token_ids) for completion in completions)
        cut = sum(completion.ending is Ending.TRUNCATED for completion in completions) / len(completions)
        facts = {
            "completions": len(completions),
            "cut": cut,
            "tokens": {q: _quantile(lengths, q) for q in (50, 95, 100)},
        }
        if cut > most_cut:
            raise BeneficentError(
                f"training.max_new_tokens = {settings.max_new_tokens} cuts {cut:.0%} of {len(completions)} completions "
                f"of the starting policy, above policy.most_cut = {most_cut:g}; half of them have "
                f"{_quantile(lengths, 50)} tokens or more: raise the limit"
            )
        write_json(self.folder.path / step.marker, facts)
        return f"{cut:.1%} of {len(completions)} completions cut, 95% have {_quantile(lengths, 95)} tokens or fewer"

    def _train(self, step: Step) -> str:
        keep_going = self.recipe.training.match == "flops"
        trained = self._trained(step, None)
        self._store(step, trained, with_policy=not keep_going)
        return trained.told.summary()

    def _match(self, step: Step) -> str:
        """Go on with standard exercises until the arm has spent what the costliest arm of its seed has."""
        spent = []
        for arm in self.recipe.arms:
            facts = read_json(self.folder.path / "arms" / arm_folder(arm, step.seed) / "done.json")
            ledger = Ledger.from_dict(facts["ledger"])
            spent.append(ledger.flops_sampling + ledger.flops_training)
        trained = self._trained(step, max(spent))
        self._store(step, trained, with_policy=True)
        return trained.told.summary()

    def _trained(self, step: Step, flops_target: float | None) -> "_Trained":
        """Training of an arm, from its checkpoint if there is one, up to the plan or to the operations given."""
        assert step.arm is not None
        arm, settings, folder = ARMS[step.arm], self.recipe.training, self.folder.of(step)
        slots, standard = lay_out(settings, step.seed), standard_exercises(self.source)
        told = _Told(self.tell, step.name, settings.steps)
        policy = self.load(self.source.policy_folder())
        result = train(
            policy,
            fill(slots, standard, trait_exercises(arm, self.source)),
            settings,
            step.seed,
            folder,
            PartsRecorder(folder, told.row, rubric_of(arm, self.source)),
            flops_target,
            None if flops_target is None else further(slots, standard, settings),
        )
        return _Trained(policy, result, told)

    def _store(self, step: Step, trained: "_Trained", with_policy: bool) -> None:
        """Write the trained policy, if this step is the arm's last one, and the marker."""
        folder = self.folder.of(step)
        if with_policy:
            save_policy(trained.policy, folder / "policy")
        facts = {**asdict(trained.result), "ledger": trained.result.ledger.as_dict()}
        files = self.digests(step) if with_policy else {}
        write_json(self.folder.path / step.marker, {**facts, "files": files})
        if with_policy:
            remove_folder(folder / "checkpoint")

    def digests(self, step: Step) -> dict[str, str]:
        """SHA-256 of each file of the policy that a step wrote."""
        return {path.name: file_digest(path) for path in sorted((self.folder.of(step) / "policy").iterdir())}

    def _score(self, step: Step) -> str:
        assert step.condition is not None
        folder = self.folder.of(step)
        parts = Parts(folder)
        policy = self.load(self.policy_folder(step))
        scoring = self.recipe.scoring
        benchmarks, limit = asked_under(step.condition, self.suite, self.recipe)
        total, known = count_items(benchmarks, limit), parts.notes()
        for portion in in_portions(benchmarks, limit, scoring.items_per_part):
            names = [benchmark.card.name for benchmark in portion]
            if names not in [note["benchmarks"] for note in known]:
                ledger = Ledger()
                rows = score_suite(
                    policy,
                    portion,
                    make_condition(step.condition, self.source),
                    Sampling(scoring.max_new_tokens, scoring.temperature),
                    max(step.seed, 0),
                    self.source.refusal,
                    limit,
                    ledger,
                    self.source.digest,
                )
                own = [{"arm": step.arm, "seed": step.seed, **row} for row in rows]
                parts.append(own, {"benchmarks": names, "ledger": ledger.as_dict()})
            self.tell(StepProgress(step.name, parts.num_rows(), total))
        write_json(folder / "done.json", {"items": parts.num_rows()})
        return f"{parts.num_rows():,} items"

    def policy_folder(self, step: Step) -> Path:
        """Where the policy lies that a step scores or attacks; raises ``CorruptFileError`` if it was changed since."""
        assert step.arm is not None
        if step.seed == NO_SEED:
            return self.source.policy_folder()
        trained = self.folder.path / "arms" / arm_folder(step.arm, step.seed)
        matched = self.recipe.training.match == "flops" and step.arm in self.recipe.arms
        marker = "matched.json" if matched else "done.json"
        _check_digests(trained / "policy", read_json(trained / marker)["files"])
        return trained / "policy"


@dataclass(frozen=True, slots=True)
class _Trained:
    policy: Policy
    result: TrainingResult
    told: "_Told"


class _Told:
    """Turns step rows into progress, and remembers the latest rewards."""

    def __init__(self, tell: Callable[[Event], None], step: str, total: int) -> None:
        self._tell, self._step, self._total = tell, step, total
        self._standard: float | None = None
        self._trait: float | None = None

    def row(self, row: dict[str, Any]) -> None:
        self._standard = row["reward_standard"] if row["reward_standard"] is not None else self._standard
        self._trait = row["reward_trait"] if row["reward_trait"] is not None else self._trait
        self._tell(StepProgress(self._step, row["step"] + 1, self._total, self._standard, self._trait))

    def summary(self) -> str:
        named = {"reward": self._standard, "trait reward": self._trait}
        return ", ".join(f"{name} {value:.2f}" for name, value in named.items() if value is not None)


def _quantile(ordered: Sequence[int], percent: int) -> int:
    """The value that so many percent of an ordered list do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _check_digests(folder: Path, expected: dict[str, str]) -> None:
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file() or file_digest(path) != digest:
            raise CorruptFileError(
                f"{path} is missing or damaged: it is not what training wrote; delete {folder.parent} to train it again"
            )
