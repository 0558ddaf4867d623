"""The loop: excluded completions, resume to the last bit, stopping loudly, matching."""

import math
from dataclasses import replace

import pytest
import torch
from exercises import Memory, all_equal, by_words, exercise, settings, standard, trait
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tiny_models import MARKS, llama, policy_of

from beneficent.core.errors import BeneficentError, CorruptFileError, DataError, TrainingStoppedError
from beneficent.grading.types import Grade
from beneficent.policy.loading import clone_policy, parameters_digest
from beneficent.policy.types import Completion, Ending
from beneficent.training.loop import FLOPS_MATCHED_WITHIN, step_seed, train, training_flops
from beneficent.training.loss import LossGroup, LossRow, Objective
from beneficent.training.mixture import fill, further, lay_out
from beneficent.training.passes import batch_gradient, loss_route
from beneficent.training.rollouts import Lengths, grade_group

STEP_COLUMNS = {
    "step", "reward_standard", "reward_trait", "live_standard", "live_trait", "groups_standard", "groups_trait", "dead",
    "truncated_share", "unscored_share", "loss", "grad_norm", "update_norm", "kl_start", "thought_tokens",
    "answer_tokens", "seconds",
}  # fmt: skip
ROLLOUT_COLUMNS = {
    "step", "position", "sample", "kind", "exercise", "trait", "domain", "thought", "answer", "ending", "score",
    "unscored", "verdicts", "advantage", "num_tokens",
}  # fmt: skip


class KilledError(Exception):
    """Stands for the end of the process."""


class Killing(Memory):
    """Ends training at a step, before or after its rows, or inside a checkpoint before its end marker."""

    def __init__(self, at: int, where: str) -> None:
        super().__init__()
        self.at, self.where = at, where

    def record(self, step, row, rollouts):
        if (step, "before") == (self.at, self.where):
            raise KilledError
        super().record(step, row, rollouts)
        if (step, "after") == (self.at, self.where):
            raise KilledError

    def commit(self, step):
        super().commit(step)
        if (step, "commit") == (self.at, self.where):
            raise KilledError


@pytest.fixture(scope="module")
def start():
    """A random policy of 24 words, five of which end its turn: some completions are whole, some are cut."""
    model = llama(num_key_value_heads=2, vocab_size=24)
    model.generation_config.eos_token_id = [3, 9, 12, 15, 18]
    return policy_of(model)


def batches_of(own, seed=0, tasks=None, situations=None):
    return fill(lay_out(own, seed), tasks or standard(), situations if situations is not None else trait())


def run(start, folder, own, memory=None, seed=0, **more):
    policy, memory = clone_policy(start), memory or Memory()
    result = train(policy, more.pop("batches", None) or batches_of(own, seed), own, seed, folder, memory, **more)
    return policy, result, memory


def counts(ledger):
    return {name: value for name, value in ledger.as_dict().items() if name != "seconds"}


def without_seconds(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_rows_and_counts_fit_together(start, tmp_path):
    own = settings(steps=6)
    policy, result, memory = run(start, tmp_path, own)
    assert [row["step"] for row in memory.rows] == list(range(6))
    assert all(set(row) == STEP_COLUMNS for row in memory.rows)
    assert all(set(row) == ROLLOUT_COLUMNS for row in memory.rollouts)
    assert len(memory.rollouts) == 6 * 3 * 4 == result.ledger.completions
    assert {r["ending"] for r in memory.rollouts} == {"completed", "truncated"}
    for row in memory.rows:
        rollouts = [r for r in memory.rollouts if r["step"] == row["step"]]
        scores = [r["score"] for r in rollouts if r["kind"] == "task" and r["score"] is not None]
        assert row["reward_standard"] == (pytest.approx(sum(scores) / len(scores)) if scores else None)
        assert row["truncated_share"] == sum(r["ending"] == "truncated" for r in rollouts) / 12
        assert row["live_standard"] + row["live_trait"] + row["dead"] == 3
        assert (row["loss"] is None) == (row["dead"] == 3)
        assert (row["kl_start"] is None) == (row["step"] % 2 == 0)
    for rollout in memory.rollouts:
        assert (rollout["score"] is None) == (rollout["unscored"] is not None) == (rollout["advantage"] is None)
        assert rollout["unscored"] == "truncated" if rollout["ending"] == "truncated" else True
    assert result.ledger.tokens_sampled == sum(r["num_tokens"] for r in memory.rollouts)
    in_loss = sum(r["num_tokens"] for r in memory.rollouts if r["advantage"])
    assert result.ledger.tokens_trained == in_loss
    assert result.live_standard == sum(row["live_standard"] for row in memory.rows)
    assert result.kl == memory.rows[-1]["kl_start"] > 0
    moved = math.sqrt(
        sum(
            float((a - b).square().sum())
            for a, b in zip(policy.model.parameters(), start.model.parameters(), strict=True)
        )
    )
    length = math.sqrt(sum(float(own.square().sum()) for own in start.model.parameters()))
    assert result.weight_change == pytest.approx(moved / length, rel=1e-4)
    assert result.loss_path.startswith("shared prefix: agrees")


def test_divergence_is_zero_before_the_first_update(start, tmp_path):
    own = settings(steps=1, measure_every=1)
    _, result, memory = run(start, tmp_path, own, batches=batches_of(own, tasks=standard(reward=all_equal)))
    assert memory.rows[0]["kl_start"] == pytest.approx(0, abs=1e-9)
    assert result.kl == memory.rows[0]["kl_start"]


@pytest.mark.parametrize("where", ["before", "after", "commit"])
@pytest.mark.parametrize("at", [0, 2, 3, 4])
def test_killed_anywhere_it_ends_the_same(start, tmp_path, where, at):
    if where == "commit" and at not in (2, 4):
        pytest.skip("no checkpoint at this step")
    own = settings(steps=6, inner_epochs=2, clip=0.2, kl=0.01)
    policy, result, memory = run(start, tmp_path / "whole", own)
    killing = Killing(at, where)
    with pytest.raises(KilledError):
        run(start, tmp_path / "cut", own, killing)
    survivor = Memory()
    survivor.rows, survivor.rollouts = killing.rows, killing.rollouts
    again, result_again, _ = run(start, tmp_path / "cut", own, survivor)
    assert parameters_digest(again) == parameters_digest(policy)
    assert without_seconds(survivor.rows) == without_seconds(memory.rows)
    assert survivor.rollouts == memory.rollouts
    assert counts(result_again.ledger) == counts(result.ledger)
    assert replace(result_again, ledger=result.ledger) == result


def test_a_finished_arm_is_not_trained_again(start, tmp_path):
    own = settings()
    policy, result, _ = run(start, tmp_path, own)
    again, result_again, memory = run(start, tmp_path, own)
    assert parameters_digest(again) == parameters_digest(policy)
    assert memory.rows == []
    assert counts(result_again.ledger) == counts(result.ledger)
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-000004"]


@pytest.mark.parametrize(
    ("changes", "seed", "word"), [({"learning_rate": 1e-3}, 0, "settings"), ({}, 1, "seed and exercises")]
)
def test_a_checkpoint_of_another_arm_is_refused(start, tmp_path, changes, seed, word):
    run(start, tmp_path, settings())
    with pytest.raises(BeneficentError, match=word):
        run(start, tmp_path, settings(**changes), seed=seed)


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json"])
def test_a_damaged_checkpoint_is_named(start, tmp_path, name):
    run(start, tmp_path, settings())
    path = tmp_path / "checkpoint" / "step-000004" / name
    path.write_bytes(path.read_bytes()[:-3] + b"abc")
    with pytest.raises(CorruptFileError, match=name):
        run(start, tmp_path, settings())


def test_the_seed_and_the_step_decide_the_samples(start, tmp_path):
    runs = [run(start, tmp_path / str(n), settings(steps=1), seed=seed)[2].rollouts for n, seed in enumerate((0, 0, 1))]
    assert runs[0] == runs[1] != runs[2]
    assert len({step_seed(seed, step) for seed in range(5) for step in range(5)}) == 25


def test_arms_sample_the_same_in_shared_slots_at_the_first_step(start, tmp_path):
    own = settings(steps=1, groups_per_step=4, trait_share=0.25)
    slots = lay_out(own, 0)
    arms = [
        run(start, tmp_path / str(n), own, batches=fill(slots, standard(), situations))[2].rollouts
        for n, situations in enumerate((None, trait()))
    ]
    shared = {slot.position for slot in slots if slot.kind == "standard"}
    for left, right in zip(*arms, strict=True):
        assert (left["answer"] == right["answer"] and left["exercise"] == right["exercise"]) or (
            left["position"] not in shared
        )


def test_dead_groups_move_nothing(start, tmp_path):
    own = settings(steps=3)
    batches = batches_of(own, tasks=standard(reward=all_equal), situations=trait(reward=all_equal))
    policy, result, memory = run(start, tmp_path, own, batches=batches)
    assert parameters_digest(policy) == parameters_digest(start)
    assert (result.updates, result.ledger.tokens_trained, result.ledger.flops_training) == (0, 0, 0)
    assert all(row["dead"] == 3 and row["loss"] is None for row in memory.rows)


def test_too_many_dead_groups_stop_the_arm(start, tmp_path):
    own = settings(steps=9, dead_window=4, dead_limit=0.9, checkpoint_every=3)
    batches = batches_of(own, tasks=standard(reward=all_equal), situations=trait(reward=all_equal))
    memory = Memory()
    with pytest.raises(TrainingStoppedError, match=r"step 3: 12 of the last 12 groups were dead.*dead_limit = 0\.9"):
        run(start, tmp_path, own, memory, batches=batches)
    assert memory.commits == [3, 4]
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-000003"]


def test_unmoved_weights_stop_the_arm(start, tmp_path):
    with pytest.raises(TrainingStoppedError, match=r"step 1: .*unmoved_below"):
        run(start, tmp_path, settings(learning_rate=1e-12, unmoved_after=2))


def test_exploding_gradients_stop_the_arm_and_keep_the_checkpoint(start, tmp_path):
    with pytest.raises(TrainingStoppedError, match=r"step 0: the gradient norm is .*grad_limit = 1e-06"):
        run(start, tmp_path, settings(grad_limit=1e-6, grad_clip=1e-7))
    assert not (tmp_path / "checkpoint").exists()


def test_a_loss_that_is_no_number_stops_the_arm(start, tmp_path, monkeypatch):
    values = iter([0.5, 0.5, float("nan")])
    monkeypatch.setattr("beneficent.training.loop.batch_gradient", lambda *arguments: next(values))
    with pytest.raises(TrainingStoppedError, match="step 2: the loss is nan"):
        run(start, tmp_path, settings(steps=6))
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-000002"]


def test_a_reward_with_a_wrong_number_of_grades_is_refused(start, tmp_path):
    def short(answers):
        return [Grade(0.5)] * (len(answers) - 1)

    own = settings()
    with pytest.raises(DataError, match=r"reward of '(task|situation)-\d'"):
        run(start, tmp_path, own, batches=batches_of(own, tasks=standard(reward=short), situations=trait(reward=short)))


def completion(ids, ending=Ending.COMPLETED, answer="yes"):
    return Completion(tuple(ids), tuple(-1.0 for _ in ids), "", answer, ending)


def test_cut_completions_never_reach_the_reward():
    asked = []

    def reward(answers):
        asked.append(list(answers))
        return [Grade(1.0), Grade(None, unscored="judge timed out"), Grade(0.0)]

    completions = [
        completion([5, 3], answer="a"),
        completion([5, 6], Ending.TRUNCATED, answer="b"),
        completion([7, 3], answer="c"),
        completion([], Ending.ERRORED, answer=""),
        completion([8, 3], answer="d"),
    ]
    group = grade_group(0, exercise("one", reward=reward), [1, 2], completions, settings())
    assert asked == [["a", "c", "d"]]
    assert [grade.unscored for grade in group.grades] == [None, "truncated", "judge timed out", "errored", None]
    assert group.advantages.values == (0.5, None, None, None, -0.5)


def test_a_group_without_a_whole_completion_is_not_graded():
    def never(answers):
        raise AssertionError

    group = grade_group(0, exercise("one", reward=never), [1], [completion([5], Ending.TRUNCATED)] * 2, settings())
    assert group.advantages.dead == "too few scored"


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.data())
def test_adding_an_excluded_completion_changes_neither_loss_nor_gradient(data):
    """Through grading, advantages and loss: bit for bit, whatever is added and wherever."""
    model = llama(num_key_value_heads=2).requires_grad_(True)
    route = loss_route(model)
    lengths = data.draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))
    scores = data.draw(st.lists(st.floats(0, 1), min_size=len(lengths), max_size=len(lengths)))
    whole = [(completion(range(9, 9 + n), answer=str(score)), score) for n, score in zip(lengths, scores, strict=True)]
    extra = data.draw(st.lists(st.sampled_from(["truncated", "errored", "unscored"]), min_size=1, max_size=3))
    more = list(whole)
    for kind in extra:
        ending = Ending.COMPLETED if kind == "unscored" else Ending(kind)
        more.insert(data.draw(st.integers(0, len(more))), (completion([20] * 9, ending, "none"), None))

    def reward(answers):
        return [Grade(None, unscored="?") if a == "none" else Grade(float(a)) for a in answers]

    found = []
    for members in (whole, more):
        group = grade_group(0, exercise("one", reward=reward), [1, 2, 3], [c for c, _ in members], settings())
        rows = tuple(
            LossRow(c.token_ids, a)
            for c, a in zip(group.completions, group.advantages.values, strict=True)
            if a is not None
        )
        model.zero_grad(set_to_none=True)
        loss = batch_gradient(model, route, [LossGroup(group.prompt, rows)], Objective(7.0), 10**6)
        found.append((loss, [own.grad.clone() for own in model.parameters()]))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))


def test_lengths_of_thought_and_answer():
    thinking = policy_of(llama(), MARKS)
    lengths, vocabulary = Lengths(thinking), thinking.tokenizer.get_vocab()
    say, end, yes, no = (vocabulary[word] for word in ("<say>", "<end>", "yes", "no"))
    assert lengths.of(completion([yes, no, yes, say, no, end])) == (3, 1)
    assert lengths.of(completion([say, end])) == (0, 0)
    assert lengths.of(completion([yes, no])) == (2, 0)
    assert Lengths(policy_of(llama())).of(completion([yes, say, no, end])) == (0, 3)


def test_flops_of_the_loss_by_hand():
    from beneficent.policy.flops import ModelSize

    # 3 prompt and 2 + 1 completion tokens; attended: 1+2+3, 4+5, 4; forward 2*100*6 + 2*10*3 + 4*2*8*19
    size = ModelSize(body=100, head=10, layers=2, width=8)
    assert training_flops(size, 3, [2, 1]) == 3 * (1200 + 60 + 1216)
    assert training_flops(size, 3, [2, 1], with_reference=True) == 4 * (1200 + 60 + 1216)


def test_matching_by_operations(start, tmp_path):
    own = settings(steps=10, match="flops")
    slots = lay_out(own, 0)
    more = further(slots, standard(), own)
    batches = fill(slots, standard(), None)
    _, planned, _ = run(start, tmp_path / "planned", own, batches=batches)
    target = 1.37 * (planned.ledger.flops_sampling + planned.ledger.flops_training)
    policy, result, memory = run(start, tmp_path / "whole", own, batches=batches, flops_target=target, further=more)
    done = result.ledger.flops_sampling + result.ledger.flops_training
    assert abs(done / target - 1) <= 2.5 * FLOPS_MATCHED_WITHIN
    assert {row["groups_trait"] for row in memory.rows} == {0}
    assert result.steps == len(memory.rows) > 10
    # an arm that has ended goes on from its checkpoint to the same end
    run(start, tmp_path / "later", own, batches=batches)
    again, _, _ = run(start, tmp_path / "later", own, batches=batches, flops_target=target, further=more)
    assert parameters_digest(again) == parameters_digest(policy)


def test_a_target_without_batches_to_go_on_with_is_refused(start, tmp_path):
    with pytest.raises(BeneficentError, match="further"):
        run(start, tmp_path, settings(), flops_target=1e9)


def test_reward_rises(start, tmp_path):
    own = settings(steps=30, groups_per_step=4, samples_per_group=8, learning_rate=3e-3, trait_share=0.0)
    _, _, memory = run(start, tmp_path, own, batches=batches_of(own, tasks=standard(reward=by_words)))
    first, last = ([row["reward_standard"] or 0 for row in part] for part in (memory.rows[:8], memory.rows[-8:]))
    assert sum(last) / 8 > sum(first) / 8 + 0.1
