"""Pretraining: the weights a model starts from, and what a batch lets a word see."""

from dataclasses import replace
from itertools import islice

import pytest
import torch

from beneficent.lab.language.vocabulary import make_tokenizer
from beneficent.lab.language.world import World
from beneficent.lab.pretraining import Pretraining, _loss, _pack, _stack, batches, make_model


@pytest.mark.parametrize("spread", [0.02, Pretraining().first_spread])
def test_first_weights_have_the_spread_asked_for_and_come_from_the_seed(spread):
    settings = Pretraining(hidden=32, layers=1, heads=2, first_spread=spread)
    model, again = make_model(settings, 200), make_model(settings, 200)
    other = make_model(Pretraining(hidden=32, layers=1, heads=2, first_spread=spread, seed=1), 200)
    matrices = {name: p for name, p in model.named_parameters() if p.ndim == 2}
    assert len(matrices) == 8
    for name, matrix in matrices.items():
        assert float(matrix.detach().std()) == pytest.approx(spread, rel=0.1), name
        assert torch.equal(matrix, again.get_parameter(name))
        assert not torch.equal(matrix, other.get_parameter(name))


DOCUMENTS = [
    ([2, 11, 12, 13, 14, 15, 3], [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 1.0]),
    ([2, 21, 13, 12, 11, 3], [0.0, 1.0, 0.0, 2.0, 1.0, 1.0]),
    ([2, 16, 17, 3], [0.0, 1.0, 1.0, 1.0]),
]


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_documents_packed_side_by_side_do_not_see_each_other_or_what_comes_later(attention):
    """The loss of a packed batch is the weighted mean over the documents run one by one through ``model.forward``."""
    model = make_model(Pretraining(hidden=32, layers=2, heads=2, first_spread=0.5), 30)
    model.set_attn_implementation(attention)
    packed = float(_loss(model, _stack([DOCUMENTS[:2], DOCUMENTS[2:]], pad=0)).detach())
    nats = weight = 0.0
    for ids, weights in DOCUMENTS:
        with torch.no_grad():
            logprobs = model(torch.tensor([ids])).logits[0].float().log_softmax(dim=-1)
        nats -= sum(w * float(logprobs[i - 1, ids[i]]) for i, w in enumerate(weights) if w)
        weight += sum(weights)
    assert packed == pytest.approx(nats / weight, rel=0.02)


def test_rows_hold_whole_documents_and_lose_none():
    pool = [([n] * size, [1.0] * size) for n, size in enumerate((300, 200, 100, 60, 20, 19, 1), start=1)]
    rows = _pack(pool)
    assert sorted(ids[0] for row in rows for ids, _ in row) == [1, 2, 3, 4, 5, 6, 7]
    assert all(sum(len(ids) for ids, _ in row) <= 320 for row in rows)
    assert len(rows) == 3


def test_batches_come_from_the_seed_and_have_one_shape():
    settings = Pretraining(batch_tokens=640)
    first, again, other = (
        list(islice(batches(World(), s, make_tokenizer()), 3)) for s in (settings, settings, replace(settings, seed=1))
    )
    assert {tuple(batch.ids.shape) for batch in (*first, *other)} == {(2, 320)}
    assert all(
        torch.equal(a.ids, b.ids) and torch.equal(a.weights, b.weights) for a, b in zip(first, again, strict=True)
    )
    assert not torch.equal(first[0].ids, other[0].ids)
