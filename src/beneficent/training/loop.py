"""The RL loop of one arm: sample, reward, advantages, loss, one update; checkpoints; resume.

Departures from the paper: it publishes no algorithm, so all of this is ours (docs/paper-index.md). Everything random
comes from the seed by counter, so an arm killed anywhere goes on from its last checkpoint to the same last bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import torch

from beneficent.core.errors import BeneficentError, TrainingStoppedError
from beneficent.core.hashing import digest
from beneficent.core.ledger import Ledger
from beneficent.policy.flops import ModelSize, model_size
from beneficent.policy.loading import Policy
from beneficent.policy.sampler import Sampling, sample
from beneficent.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from beneficent.training.learner import Learner, Start
from beneficent.training.loss import LossGroup, LossRow, Objective, k3
from beneficent.training.mixture import Exercise
from beneficent.training.passes import batch_gradient, loss_route
from beneficent.training.rollouts import Group, Lengths, grade_group, rollout_rows, summarise
from beneficent.training.settings import TrainingSettings

FLOPS_MATCHED_WITHIN = 0.01


class Recorder(Protocol):
    """Takes the rows of training; see ``study.recorder`` for the one that writes them to disk."""

    def record(self, step: int, row: dict[str, Any], rollouts: list[dict[str, Any]]) -> None:
        """Take the row and the rollouts of a step."""
        ...

    def commit(self, step: int) -> None:
        """Make everything recorded last; called before the checkpoint of ``step`` is marked whole."""
        ...

    def rewind(self, step: int) -> None:
        """Drop everything of this and later steps; called when training goes on from a checkpoint."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What training an arm came to."""

    ledger: Ledger
    steps: int
    """Steps done, further ones included."""
    updates: int
    """Moves of the weights; a step without a live group makes none."""
    weight_change: float
    """L2 distance of the trainable weights from the start over their L2 norm there."""
    live_standard: int
    live_trait: int
    groups_standard: int
    groups_trait: int
    kl: float | None
    """Divergence from the starting policy in nats a token, as last measured."""
    loss_path: str
    """How the loss was computed, and why."""


@dataclass(slots=True)
class _Counters:
    """Everything besides weights and optimiser that a checkpoint must hold."""

    step: int = 0
    updates: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    live_standard: int = 0
    live_trait: int = 0
    groups_standard: int = 0
    groups_trait: int = 0
    kl: float | None = None
    window: list[tuple[int, int]] = field(default_factory=list)
    """Dead and all groups of the latest steps."""


def train(
    policy: Policy,
    batches: Sequence[Sequence[Exercise]],
    settings: TrainingSettings,
    seed: int,
    folder: Path,
    recorder: Recorder,
    flops_target: float | None = None,
    further: Callable[[int], Sequence[Exercise]] | None = None,
) -> TrainingResult:
    """Train ``policy`` in place on ``batches``, one step each.

    ``folder/checkpoint`` holds the latest checkpoint; called again with the same arguments, training goes on from there
    and ends with the same weights, rows and counts. With ``flops_target`` it goes on after the batches, over those that
    ``further`` gives (``mixture.further``), until the ledger's operations are within 1% of the target.

    Raises:
        TrainingStoppedError: it diverges or learns nothing (see the limits in ``settings``); the checkpoint stays.
        BeneficentError: the checkpoint in ``folder`` is of other settings, seed or exercises, or cannot be written.
        CorruptFileError: the checkpoint is damaged.
        DataError: a reward gave a wrong number of grades.
    """
    if flops_target is not None and further is None:
        raise BeneficentError("flops_target needs further, the batches to go on with (mixture.further)")
    arm = _Arm(policy, settings, seed, folder / "checkpoint", recorder, _fingerprint(settings, seed, batches))
    arm.resume()
    try:
        for step in range(arm.counters.step, len(batches)):
            arm.do(batches[step], last=step + 1 == len(batches))
        while flops_target is not None and further is not None:
            batch = arm.next_further(further, flops_target, len(batches))
            if not batch:
                break
            arm.do(batch, last=False)
    except TrainingStoppedError:
        recorder.commit(arm.counters.step)
        raise
    arm.checkpoint()
    return arm.result()


def step_seed(seed: int, step: int) -> int:
    """The sampling seed of a step: the same for all arms of one seed."""
    return int(digest(["sampling", seed, step])[:15], 16)


def _fingerprint(settings: TrainingSettings, seed: int, batches: Sequence[Sequence[Exercise]]) -> dict[str, str]:
    return {
        "settings": digest(asdict(settings)),
        "seed": digest(seed),
        "exercises": digest([[exercise.id for exercise in batch] for batch in batches]),
    }


class _Arm:
    """One arm in training: policy, learner, start and counters."""

    def __init__(
        self,
        policy: Policy,
        settings: TrainingSettings,
        seed: int,
        folder: Path,
        recorder: Recorder,
        fingerprint: dict[str, str],
    ) -> None:
        self.counters = _Counters()
        self._policy = policy
        self._settings = settings
        self._seed = seed
        self._folder = folder
        self._recorder = recorder
        self._fingerprint = fingerprint
        self._route = loss_route(policy.model)
        self._learner = Learner(policy.model, settings)
        self._start = Start(policy.model, self._route, self._learner)
        self._size = model_size(policy.model)
        self._lengths = Lengths(policy)
        self._saved: int | None = None

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one; rows after it are dropped."""
        found = read_checkpoint(self._folder)
        if found is not None:
            changed = [name for name, own in self._fingerprint.items() if found.state["fingerprint"].get(name) != own]
            if changed:
                raise BeneficentError(
                    f"the checkpoint in {self._folder} was made with other {' and '.join(changed)}; use another "
                    "folder, or delete it to train the arm again"
                )
            state = dict(found.state["counters"])
            ledger, window = Ledger.from_dict(state.pop("ledger")), [tuple(pair) for pair in state.pop("window")]
            self.counters = _Counters(**state, ledger=ledger, window=window)
            self._learner.load(found.tensors, self.counters.updates)
            self._saved = self.counters.step
        self._recorder.rewind(self.counters.step)

    def checkpoint(self) -> None:
        """Write a checkpoint of this moment, unless there is one."""
        step = self.counters.step
        if self._saved == step:
            return
        with self.counters.ledger.timed("checkpoint"):
            state = {"fingerprint": self._fingerprint, "counters": asdict(self.counters)}
            state["counters"]["updates"] = self._learner.updates
            checkpoint = Checkpoint(step, self._learner.state(), state)
            write_checkpoint(self._folder, checkpoint, lambda: self._recorder.commit(step))
        self._saved = step

    def do(self, batch: Sequence[Exercise], last: bool) -> None:
        """One step: sample, reward, update, record."""
        start, step = perf_counter(), self.counters.step
        measures = last or (step + 1) % self._settings.measure_every == 0
        groups = self._roll_out(batch, step)
        kl = self._divergence(groups) if measures else None
        moved = self._update([group for group in groups if group.live], step, measures)
        row: dict[str, Any] = {"step": step, **summarise(groups, self._lengths), **moved, "kl_start": kl}
        self._count(row)
        row["seconds"] = perf_counter() - start
        self._recorder.record(step, row, rollout_rows(step, groups))
        self._look_for_learning()
        if self.counters.step % self._settings.checkpoint_every == 0:
            self.checkpoint()

    def next_further(
        self, further: Callable[[int], Sequence[Exercise]], target: float, planned: int
    ) -> Sequence[Exercise]:
        """The next batch after the planned ones; cut where a part of it reaches the target, empty at the target."""
        ledger, counters = self.counters.ledger, self.counters
        done = ledger.flops_sampling + ledger.flops_training
        groups = counters.groups_standard + counters.groups_trait
        missing = round((target - done) / (done / groups))
        if missing <= 0 or abs(target - done) <= 0.1 * FLOPS_MATCHED_WITHIN * target:
            return ()
        return further(counters.step)[:missing]

    def result(self) -> TrainingResult:
        counters = self.counters
        return TrainingResult(
            ledger=counters.ledger,
            steps=counters.step,
            updates=self._learner.updates,
            weight_change=self._start.weight_change(self._learner),
            live_standard=counters.live_standard,
            live_trait=counters.live_trait,
            groups_standard=counters.groups_standard,
            groups_trait=counters.groups_trait,
            kl=counters.kl,
            loss_path=f"{self._route.name}: {self._route.reason}",
        )

    def _roll_out(self, batch: Sequence[Exercise], step: int) -> list[Group]:
        settings, ledger = self._settings, self.counters.ledger
        with ledger.timed("rendering"):
            prompts = [self._policy.renderer.render(exercise.messages) for exercise in batch]
        completions = sample(
            self._policy,
            prompts,
            settings.samples_per_group,
            Sampling(settings.max_new_tokens),
            step_seed(self._seed, step),
            ledger=ledger,
        )
        with ledger.timed("rewards"):
            return [
                grade_group(position, *parts, settings)
                for position, parts in enumerate(zip(batch, prompts, completions, strict=True))
            ]

    def _divergence(self, groups: Sequence[Group]) -> float | None:
        """Mean over all sampled tokens of the k3 estimate, in nats, from the log-probabilities of sampling."""
        own = [
            LossGroup(group.prompt, tuple(LossRow(c.token_ids, 0.0) for c in group.completions if c.token_ids))
            for group in groups
        ]
        with self.counters.ledger.timed("measuring"):
            start = self._start.logprobs(own, self._settings.tokens_per_pass)
            sampled = [c.logprobs for group in groups for c in group.completions if c.token_ids]
            references = [row for group in start for row in group]
            ours, theirs = (torch.tensor([lp for row in rows for lp in row]) for rows in (sampled, references))
            self.counters.kl = float(k3(ours, theirs).mean()) if len(ours) else None
        return self.counters.kl

    def _update(self, live: Sequence[Group], step: int, measures: bool) -> dict[str, float | None]:
        """One update, or ``inner_epochs``, on the live groups; without any the weights stay as they are."""
        settings, ledger = self._settings, self.counters.ledger
        moved: dict[str, float | None] = {"loss": None, "grad_norm": None, "update_norm": None}
        if not live:
            return moved
        with ledger.timed("training"):
            groups = self._in_loss(live)
            before = self._learner.weights() if measures else None
            objective = Objective(settings.loss_constant, settings.clip, settings.kl)
            for _ in range(settings.inner_epochs):
                loss = batch_gradient(self._policy.model, self._route, groups, objective, settings.tokens_per_pass)
                moved |= {"loss": loss, "grad_norm": self._learner.update(loss, f"step {step}")}
                self._enter(groups)
            if before is not None:
                moved["update_norm"] = self._learner.distance(before)
        return moved

    def _in_loss(self, live: Sequence[Group]) -> list[LossGroup]:
        """Prompts and completions of the loss, without excluded ones, and without those whose advantage is exactly
        zero where nothing but the advantage gives a gradient."""
        settings = self._settings
        groups: list[LossGroup] = []
        for group in live:
            parts = zip(group.completions, group.advantages.values, strict=True)
            rows = tuple(
                LossRow(completion.token_ids, advantage, completion.logprobs if settings.inner_epochs > 1 else None)
                for completion, advantage in parts
                if advantage is not None and (advantage != 0.0 or settings.kl > 0)
            )
            groups.append(LossGroup(group.prompt, rows))
        if settings.kl == 0:
            return groups
        start = self._start.logprobs(groups, settings.tokens_per_pass)
        return [
            replace(group, rows=tuple(replace(row, reference=own) for row, own in zip(group.rows, found, strict=True)))
            for group, found in zip(groups, start, strict=True)
        ]

    def _enter(self, groups: Sequence[LossGroup]) -> None:
        ledger = self.counters.ledger
        for group in groups:
            lengths = [len(row.token_ids) for row in group.rows]
            ledger.tokens_trained += sum(lengths)
            ledger.flops_training += training_flops(self._size, len(group.prompt), lengths, self._settings.kl > 0)

    def _count(self, row: dict[str, Any]) -> None:
        counters = self.counters
        for name in ("live_standard", "live_trait", "groups_standard", "groups_trait"):
            setattr(counters, name, getattr(counters, name) + row[name])
        counters.window.append((row["dead"], row["groups_standard"] + row["groups_trait"]))
        del counters.window[: -self._settings.dead_window]
        counters.updates = self._learner.updates
        counters.step += 1

    def _look_for_learning(self) -> None:
        settings, counters = self._settings, self.counters
        dead, groups = (sum(pair[index] for pair in counters.window) for index in (0, 1))
        if len(counters.window) == settings.dead_window and dead > settings.dead_limit * groups:
            raise TrainingStoppedError(
                f"step {counters.step - 1}: {dead} of the last {groups} groups were dead (all scores equal, or fewer "
                f"than two scored), above training.dead_limit = {settings.dead_limit:g}; the arm learns nothing"
            )
        if counters.step == settings.unmoved_after:
            change = self._start.weight_change(self._learner)
            if change < settings.unmoved_below:
                raise TrainingStoppedError(
                    f"step {counters.step - 1}: the weights have moved by {change:.1e} of their length, below "
                    f"training.unmoved_below = {settings.unmoved_below:g}; the arm learns nothing"
                )


def training_flops(size: ModelSize, prompt_length: int, lengths: Sequence[int], with_reference: bool = False) -> float:
    """Operations of the loss on one group: its prompt once and its completions, forward, and twice that backward.

    With a reference its forward pass is added. Attention is counted at the positions attended to, and the count does
    not depend on the path the loss takes.
    """
    attended = prompt_length * (prompt_length + 1) // 2
    attended += sum(length * prompt_length + length * (length + 1) // 2 for length in lengths)
    forward = size.forward_flops(prompt_length + sum(lengths), sum(lengths), attended)
    return (4.0 if with_reference else 3.0) * forward
