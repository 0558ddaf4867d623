"""Supervised fine-tuning: the gradient of cross-entropy, the order of the seed, and stopping changes nothing."""

import math

import pytest
import torch
from tiny_models import MARKS, llama, policy_of

from beneficent.core.errors import DataError, PolicyError, RecipeError
from beneficent.core.ledger import Ledger
from beneficent.policy.loading import clone_policy, parameters_digest
from beneficent.situations.types import Message
from beneficent.training.examples import Example, SupervisedSettings
from beneficent.training.loss import LossGroup, LossRow, Objective
from beneficent.training.passes import batch_gradient, loss_route
from beneficent.training.supervised import FineTuning

SETTINGS = SupervisedSettings(learning_rate=1e-3, batch_size=2)


def example(number: int, answer: str = "yes .", thought: str = "") -> Example:
    return Example(str(number), (Message("user", f"is it safe {'sure ' * number}?"),), answer, thought)


def tuning(policy, examples, seed=0, settings=SETTINGS):
    return FineTuning(policy, examples, settings, seed, Ledger())


def test_loss_and_gradient_are_those_of_cross_entropy():
    model = llama()
    groups = [LossGroup((2, 9, 10), (LossRow((11, 12, 3), 1.0),)), LossGroup((2, 9), (LossRow((14, 3), 1.0),))]
    loss = batch_gradient(model, loss_route(model), groups, Objective(5.0, supervised=True), 1000)
    found = {name: own.grad.clone() for name, own in model.named_parameters()}
    model.zero_grad()
    expected = 0.0
    for prompt, answer in (((2, 9, 10), (11, 12, 3)), ((2, 9), (14, 3))):
        logits = model(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
        expected = expected + torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum") / 5
    expected.backward()
    assert loss == pytest.approx(float(expected.detach()), rel=1e-5)
    for name, own in model.named_parameters():
        torch.testing.assert_close(found[name], own.grad, rtol=1e-4, atol=1e-6)


def test_it_learns_the_answer_and_the_loss_is_in_nats_a_token():
    policy = policy_of(llama(), MARKS)
    losses = tuning(policy, [example(0)]).go_on(60)
    uniform = math.log(policy.model.config.vocab_size)
    assert losses[0] == pytest.approx(uniform, abs=3)
    assert losses[-1] < losses[0] / 2


def test_stopping_and_going_on_is_the_same_as_not_stopping():
    start = policy_of(llama(), MARKS)
    examples = [example(n, "no ." if n % 2 else "yes .", "it is") for n in range(5)]
    once, twice = clone_policy(start), clone_policy(start)
    tuning(once, examples).go_on(6)
    stepwise = tuning(twice, examples)
    stepwise.go_on(2)
    stepwise.go_on(4)
    assert parameters_digest(once) == parameters_digest(twice)
    other = clone_policy(start)
    tuning(other, examples, seed=1).go_on(6)
    assert parameters_digest(other) != parameters_digest(once)


def test_two_policies_see_the_same_examples_and_each_is_seen_once_before_any_twice():
    from beneficent.training.supervised import _in_order

    orders = [_in_order(7, 3) for _ in range(2)]
    seen = [[next(order) for _ in range(14)] for order in orders]
    assert seen[0] == seen[1]
    assert sorted(seen[0][:7]) == sorted(seen[0][7:]) == list(range(7))
    assert seen[0][:7] != seen[0][7:]


def test_what_it_spends_is_counted():
    policy, ledger = policy_of(llama(), MARKS), Ledger()
    FineTuning(policy, [example(0)], SETTINGS, 0, ledger).go_on(3)
    assert ledger.tokens_trained == 3 * 2 * len(policy.renderer.response("", "yes ."))
    assert ledger.flops_training > 0


@pytest.mark.parametrize(
    ("examples", "said"),
    [([], "no examples"), ([example(0, " ")], "'0' has no answer"), ([Example("x", (), "yes")], "end with the user")],
)
def test_bad_examples_are_refused(examples, said):
    with pytest.raises(DataError, match=said):
        tuning(policy_of(llama(), MARKS), examples)


def test_an_example_longer_than_the_model_is_refused():
    with pytest.raises(PolicyError, match="over the model's 128 positions"):
        tuning(policy_of(llama(), MARKS), [example(0, "yes " * 150)])


@pytest.mark.parametrize("setting", [{"learning_rate": 0.0}, {"batch_size": 0}, {"grad_clip": -1.0}])
def test_impossible_settings_are_refused(setting):
    with pytest.raises(RecipeError, match=next(iter(setting))):
        SupervisedSettings(**setting)
