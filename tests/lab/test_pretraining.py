"""Pretraining: the weights a model starts from."""

import pytest
import torch

from beneficent.lab.pretraining import Pretraining, make_model


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
