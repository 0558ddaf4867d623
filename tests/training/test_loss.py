"""The loss: numbers by hand, and equality with the plain one-row-per-completion computation."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from other_models import OTHERS
from tiny_models import llama

from beneficent.policy.decoder import Route
from beneficent.training import loss as loss_module
from beneficent.training.loss import (
    LossGroup,
    LossRow,
    Objective,
    Signal,
    head_logprobs,
    head_loss,
    k3,
    token_losses,
)
from beneficent.training.passes import SHARED_PREFIX, batch_gradient, batch_logprobs, loss_route

SHARED, PLAIN = Route(SHARED_PREFIX, ""), Route("plain", "")
CPU = torch.device("cpu")
VARIANTS = {
    "plain heads": {},
    "grouped queries": {"num_key_value_heads": 2},
    "one key head, tied": {"num_key_value_heads": 1, "tie_word_embeddings": True},
    "biases": {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 2},
    "wide heads": {"head_dim": 24, "num_key_value_heads": 2},
    "theta": {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
}
RAGGED = [(7, [3, 9, 1]), (1, [2, 4]), (20, [30, 12, 5, 33]), (3, [1])]


def signal(advantages, old=None, reference=None):
    return Signal(*(None if own is None else torch.tensor(own) for own in (advantages, old, reference)))


def draw_groups(shapes, seed=0, with_logprobs=False, vocabulary=96):
    """Random groups of (prompt length, completion lengths), with random advantages."""
    generator = torch.Generator().manual_seed(seed)

    def ids(length):
        return tuple(torch.randint(vocabulary, (length,), generator=generator).tolist())

    def near(length):
        return tuple((-4 + torch.randn(length, generator=generator)).tolist()) if with_logprobs else None

    return [
        LossGroup(
            ids(prompt),
            tuple(
                LossRow(ids(length), float(torch.randn((), generator=generator)), near(length), near(length))
                for length in lengths
            ),
        )
        for prompt, lengths in shapes
    ]


def gradients(model, route, groups, objective, tokens_per_pass=10**6):
    model.zero_grad(set_to_none=True)
    model.requires_grad_(True)
    value = batch_gradient(model, route, groups, objective, tokens_per_pass)
    return value, {name: own.grad.clone() for name, own in model.named_parameters() if own.grad is not None}


def largest_difference(found, expected):
    """Over all parameters, relative to the largest gradient of each, and at least to a twentieth of the largest."""
    assert found.keys() == expected.keys()
    floor = max(float(own.abs().max()) for own in expected.values()) / 20
    return max(
        float((found[name] - own).abs().max()) / max(float(own.abs().max()), floor) for name, own in expected.items()
    )


def reference_loss(model, groups, objective):
    """The formula at the head of loss.py, token by token, from ``model.forward`` on one row at a time."""
    total = torch.zeros(())
    for group in groups:
        for row in group.rows:
            logits = model(torch.tensor([[*group.prompt, *row.token_ids]])).logits[0]
            for index, token in enumerate(row.token_ids):
                now = logits[len(group.prompt) - 1 + index].log_softmax(-1)[token]
                before = now.detach() if row.old is None else torch.tensor(row.old[index])
                ratio = (now - before).exp()
                gain = ratio * row.advantage
                if objective.clip is not None:
                    bounded = min(max(float(ratio.detach()), 1 - objective.clip), 1 + objective.clip)
                    binds = abs(bounded - float(ratio.detach())) > 0 and bounded * row.advantage < float(gain.detach())
                    gain = torch.tensor(bounded * row.advantage) if binds else gain
                term = -gain
                if objective.kl:
                    gap = row.reference[index] - now
                    term = term + objective.kl * (gap.exp() - gap - 1)
                total = total + term
    return total / objective.constant


def test_fresh_samples_by_hand():
    logprobs = torch.tensor([-1.0, -2.0, -3.0], requires_grad=True)
    losses = token_losses(logprobs, signal([0.5, 0.5, -1.0]), Objective(1.0))
    assert losses.tolist() == [-0.5, -0.5, 1.0]
    losses.sum().backward()
    # the ratio is 1 and its derivative that of the log-probability: minus the advantage
    assert logprobs.grad.tolist() == [-0.5, -0.5, 1.0]


def test_clipping_by_hand():
    # ratios 1.5, 1.5, 0.5, 0.5; clipped at 0.8 and 1.2 where that makes the gain smaller
    old = [0.0, 0.0, 0.0, 0.0]
    logprobs = torch.tensor([math.log(1.5), math.log(1.5), math.log(0.5), math.log(0.5)], requires_grad=True)
    losses = token_losses(logprobs, signal([1.0, -1.0, 1.0, -1.0], old), Objective(1.0, clip=0.2))
    assert losses.tolist() == pytest.approx([-1.2, 1.5, -0.5, 0.8])
    losses.sum().backward()
    assert logprobs.grad.tolist() == pytest.approx([0.0, 1.5, -0.5, 0.0])


def test_divergence_by_hand():
    # log-probability ln 0.5, reference ln 0.25: 0.5 - ln 0.5 - 1 = 0.19315
    now, start = torch.tensor([math.log(0.5)], requires_grad=True), torch.tensor([math.log(0.25)])
    assert float(k3(now, start).detach()) == pytest.approx(0.193147, abs=1e-6)
    losses = token_losses(now, signal([2.0], reference=[math.log(0.25)]), Objective(1.0, kl=0.1))
    assert float(losses.detach()) == pytest.approx(-2.0 + 0.0193147, abs=1e-6)
    losses.sum().backward()
    # d k3 / d l = 1 - exp(l_ref - l) = 0.5
    assert float(now.grad) == pytest.approx(-2.0 + 0.1 * 0.5)


def test_head_loss_by_hand():
    # one hidden number 1, two words with weights 0 and ln 3: probabilities 1/4 and 3/4
    hidden = torch.tensor([[1.0], [1.0]], requires_grad=True)
    head = torch.tensor([[0.0], [math.log(3)]], requires_grad=True)
    targets = torch.tensor([0, 1])
    assert head_logprobs(hidden, head, targets).exp().tolist() == pytest.approx([0.25, 0.75])
    value = head_loss(hidden, head, targets, signal([1.0, -0.5]), Objective(4.0))
    assert float(value.detach()) == pytest.approx((-1.0 + 0.5) / 4)
    value.backward()
    # dl/dlogits = one hot - p: (3/4, -3/4) and (-1/4, 1/4); slopes -1/4 and 1/8
    assert head.grad.flatten().tolist() == pytest.approx([-3 / 16 - 1 / 32, 3 / 16 + 1 / 32])
    assert hidden.grad.flatten().tolist() == pytest.approx([3 / 16 * math.log(3), 1 / 32 * math.log(3)])


def test_log_probabilities_of_the_unlikeliest_tokens_are_exact():
    hidden, head = torch.tensor([[1.0]]), torch.tensor([[0.0], [-150.0]])
    assert head_logprobs(hidden, head, torch.tensor([1])).tolist() == [-150.0]


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())
@pytest.mark.parametrize(
    ("objective", "with_logprobs"),
    [(Objective(50.0), False), (Objective(50.0, clip=0.2, kl=0.3), True)],
    ids=["fresh", "clip and kl"],
)
def test_shared_prefix_equals_one_row_per_completion(changes, objective, with_logprobs):
    model = llama(**changes)
    groups = draw_groups(RAGGED, with_logprobs=with_logprobs)
    expected = reference_loss(model.requires_grad_(True), groups, objective)
    expected.backward()
    by_hand = {name: own.grad.clone() for name, own in model.named_parameters()}
    for route in (SHARED, PLAIN):
        value, found = gradients(model, route, groups, objective)
        assert value == pytest.approx(float(expected.detach()), rel=1e-5, abs=1e-5)
        assert largest_difference(found, by_hand) < 1e-5


def test_log_probabilities_come_back_in_order():
    model = llama(num_key_value_heads=2)
    groups = draw_groups(RAGGED)
    for limit in (10**6, 40, 1):
        both = [batch_logprobs(model, route, groups, limit) for route in (SHARED, PLAIN)]
        for mine, plain, group in zip(*both, groups, strict=True):
            assert [len(row) for row in mine] == [len(row.token_ids) for row in group.rows]
            for left, right in zip(mine, plain, strict=True):
                assert left == pytest.approx(right, abs=2e-5)


def test_passes_and_pieces_change_nothing(monkeypatch):
    model = llama(num_key_value_heads=2)
    groups = draw_groups(RAGGED, with_logprobs=True)
    objective = Objective(50.0, clip=0.2, kl=0.1)
    value, expected = gradients(model, SHARED, groups, objective)
    monkeypatch.setattr(loss_module, "LOGITS_AT_ONCE", 96 * 33)
    for limit in (60, 25, 1):
        again, found = gradients(model, SHARED, groups, objective, limit)
        assert again == pytest.approx(value, rel=1e-5)
        assert largest_difference(found, expected) < 1e-5


def test_frozen_parts_get_no_gradient():
    model = llama()
    groups = draw_groups(RAGGED)
    _, expected = gradients(model, SHARED, groups, Objective(50.0))
    model.zero_grad(set_to_none=True)
    frozen = {name for name, _ in model.named_parameters() if "embed" in name or "lm_head" in name or "k_proj" in name}
    for name, own in model.named_parameters():
        own.requires_grad_(name not in frozen)
    batch_gradient(model, SHARED, groups, Objective(50.0), 10**6)
    found = {name: own.grad for name, own in model.named_parameters() if own.grad is not None}
    assert found.keys() == expected.keys() - frozen
    assert largest_difference(found, {name: expected[name] for name in found}) < 1e-5


def test_a_batch_of_some_old_log_probabilities_is_refused():
    rows = (LossRow((1, 2), 0.5, (-1.0, -1.0)), LossRow((3,), -0.5))
    with pytest.raises(ValueError, match="1 of 2"):
        Signal.of([LossGroup((1,), rows)], CPU)


@pytest.mark.parametrize("build", OTHERS.values(), ids=OTHERS.keys())
def test_other_architectures_take_the_plain_path_and_say_so(build):
    model = build()
    route = loss_route(model)
    assert route.name == "plain"
    assert type(model).__name__ in route.reason
    # longer than the window of the Mistral
    groups = draw_groups([(21, [3, 9]), (6, [14])])
    expected = reference_loss(model.requires_grad_(True), groups, Objective(9.0))
    expected.backward()
    by_hand = {name: own.grad.clone() for name, own in model.named_parameters() if own.grad is not None}
    value, found = gradients(model, route, groups, Objective(9.0))
    assert value == pytest.approx(float(expected.detach()), abs=1e-5)
    assert largest_difference(found, by_hand) < 2e-5


def test_the_route_is_found_by_comparison():
    model = llama(num_key_value_heads=2)
    assert loss_route(model).name == SHARED_PREFIX
    assert "GELUActivation" in loss_route(llama(hidden_act="gelu")).reason
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    assert loss_route(model).name == "plain"


@hypothesis_settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.lists(st.integers(1, 9), min_size=1, max_size=4)), min_size=1, max_size=4)
)
def test_any_shape(shapes):
    model = llama(num_key_value_heads=2)
    groups = draw_groups(shapes, seed=len(shapes))
    both = [gradients(model, route, groups, Objective(10.0)) for route in (SHARED, PLAIN)]
    assert both[0][0] == pytest.approx(both[1][0], rel=1e-5, abs=1e-5)
    assert largest_difference(both[0][1], both[1][1]) < 2e-5
