"""The plain script and the library agree: advantages, loss, gradients, weights."""

import copy
import importlib.util
from pathlib import Path

import pytest
import torch

from beneficent.training.advantage import group_advantages
from beneficent.training.learner import Learner
from beneficent.training.loss import LossGroup, LossRow, Objective
from beneficent.training.passes import SHARED_PREFIX, batch_gradient, loss_route
from beneficent.training.settings import TrainingSettings

SCRIPT = Path(__file__).parents[2] / "examples" / "whole_algorithm.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("whole_algorithm", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def library_settings(plain):
    return TrainingSettings(
        groups_per_step=plain.groups_per_step,
        samples_per_group=plain.samples_per_group,
        max_new_tokens=plain.max_new_tokens,
        learning_rate=plain.learning_rate,
        warmup_steps=plain.warmup_steps,
        beta_1=plain.betas[0],
        beta_2=plain.betas[1],
        eps=plain.eps,
        grad_clip=plain.grad_clip,
        loss_tokens=plain.loss_tokens,
    )


def test_five_updates_agree(script):
    # a clip so low that it binds, as clipping must agree too
    plain = script.Settings(grad_clip=0.004)
    own = library_settings(plain)
    mine = script.make_model()
    theirs = copy.deepcopy(mine)
    optimizer, learner, route = script.make_optimizer(mine, plain), Learner(theirs, own), loss_route(theirs)
    assert route.name == SHARED_PREFIX
    generator, updates = torch.Generator().manual_seed(1), 0
    norms = []
    while updates < 5:
        prompts = script.make_prompts(plain.groups_per_step, generator)
        groups = [
            [script.sample_one(mine, prompt, plain.max_new_tokens, generator) for _ in range(plain.samples_per_group)]
            for prompt in prompts
        ]
        scores = [[script.reward(sample) for sample in group] for group in groups]
        advantages = [script.advantages_of(group) for group in scores]
        found = [group_advantages(group) for group in scores]
        assert [own.dead is None for own in found] == [own is not None for own in advantages]
        live = [
            LossGroup(
                tuple(prompt),
                tuple(LossRow(tuple(s.tokens), a) for s, a in zip(group, own.values, strict=True) if a is not None),
            )
            for prompt, group, own in zip(prompts, groups, found, strict=True)
            if own.dead is None
        ]
        for own_advantages, group in zip(advantages, found, strict=True):
            if own_advantages is not None:
                assert list(group.values) == pytest.approx(own_advantages)
        loss = script.batch_loss(mine, prompts, groups, advantages, plain)
        if loss is None:
            assert live == []
            continue
        value = batch_gradient(theirs, route, live, Objective(own.loss_constant), own.tokens_per_pass)
        assert value == pytest.approx(float(loss.detach()), abs=1e-6)
        script.update(mine, optimizer, loss, updates, plain)
        norms.append(learner.update(value, "step"))
        updates += 1
        for left, right in zip(mine.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)
    assert max(norms) > plain.grad_clip


def test_the_script_runs_and_stays_short(script, capsys):
    rewards = script.main(script.Settings(steps=2, groups_per_step=2, samples_per_group=3, max_new_tokens=4))
    assert len(rewards) == 2
    assert "live groups" in capsys.readouterr().out
    assert SCRIPT.read_text().count("\n") < 200
