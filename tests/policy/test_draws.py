"""Draws by counter: what decides a number, and that tokens follow the distribution."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from beneficent.policy.draws import draw, row_uniforms

ROWS = np.array([0, 0, 1, 7]), np.array([0, 1, 0, 3])


def test_numbers_depend_on_seed_prompt_sample_and_position_alone():
    numbers = row_uniforms(5, *ROWS, 10)
    assert numbers.dtype == np.float32
    assert np.array_equal(row_uniforms(5, ROWS[0][2:], ROWS[1][2:], 4), numbers[2:, :4])
    assert len(np.unique(numbers)) == 40
    assert not np.isin(row_uniforms(6, *ROWS, 10), numbers).any()
    assert np.array_equal(row_uniforms(5 + 2**64, *ROWS, 10), numbers)
    assert row_uniforms(-1, *ROWS, 2).shape == (4, 2)


def test_splitmix64_gives_its_published_first_output():
    """The reference generator started at state 0 gives 0xE220A8397B1DCDAF first."""
    from beneficent.policy.draws import _GOLDEN, _mix

    assert int(_mix(np.array([_GOLDEN]))[0]) == 0xE220A8397B1DCDAF


def test_numbers_are_uniform_across_rows_and_positions():
    numbers = row_uniforms(0, np.arange(500), np.zeros(500, dtype=np.int64), 200)
    assert numbers.min() >= 2.0**-23
    assert numbers.max() <= 1 - 2.0**-23
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    # Chi-square with 19 degrees of freedom: 43.8 is its 99.9th percentile.
    assert ((counts - 5000) ** 2 / 5000).sum() < 43.8
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 0.15
    assert abs(np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]) < 0.15


def test_the_token_is_where_the_cumulative_distribution_passes_the_number():
    probabilities = torch.tensor([0.125, 0.0, 0.5, 0.375, 0.0])
    uniforms = torch.tensor([0.001, 0.124, 0.126, 0.5, 0.624, 0.626, 0.999])
    drawn = draw(probabilities.log().expand(7, -1), uniforms, 1.0)
    assert drawn.tokens.tolist() == [0, 0, 2, 2, 2, 3, 3]
    assert torch.allclose(drawn.logprobs, probabilities[drawn.tokens].log(), atol=1e-6)
    assert drawn.finite.all()


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 700), st.integers(0, 2**31), st.sampled_from([0.3, 1.0, 2.0]))
def test_two_level_search_agrees_with_the_plain_cumulative_sum(vocabulary, seed, temperature):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(8, vocabulary, generator=generator)
    uniforms = torch.rand(8, generator=generator).clamp(2.0**-23, 1 - 2.0**-23)
    drawn = draw(logits, uniforms, temperature)
    cumulative = torch.softmax(logits.double() / temperature, -1).cumsum(-1)
    rows = torch.arange(8)
    low = torch.where(drawn.tokens > 0, cumulative[rows, (drawn.tokens - 1).clamp(min=0)], 0.0)
    assert (uniforms >= low - 1e-6).all()
    assert (uniforms <= cumulative[rows, drawn.tokens] + 1e-6).all()
    expected = torch.log_softmax(logits, -1)[rows, drawn.tokens]
    assert torch.allclose(drawn.logprobs, expected, atol=1e-5)


def test_a_token_without_probability_is_never_drawn():
    logits = torch.full((2, 1800), float("-inf"))
    logits[0, 77], logits[0, 1700] = 0.0, 3.0
    logits[1, 1799] = -50.0
    for number in (2.0**-23, 0.5, 1 - 2.0**-23):
        tokens = draw(logits, torch.full((2,), number), 1.0).tokens.tolist()
        assert tokens[0] in (77, 1700)
        assert tokens[1] == 1799


def test_tokens_follow_the_distribution():
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5]).expand(20000, -1)
    uniforms = torch.from_numpy(row_uniforms(1, np.arange(20000), np.zeros(20000, dtype=np.int64), 1)[:, 0])
    shares = torch.bincount(draw(logits, uniforms, 1.0).tokens, minlength=4) / 20000
    assert torch.allclose(shares, torch.softmax(logits[0], -1), atol=0.015)


def test_temperature_zero_takes_the_likeliest():
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, 2.0, 1.0]])
    drawn = draw(logits, torch.tensor([0.999, 0.999]), 0.0)
    assert drawn.tokens.tolist() == [1, 0]
    assert torch.allclose(drawn.logprobs, logits.log_softmax(-1).max(-1).values)


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_rows_that_are_not_finite_are_marked_and_spoil_no_other(temperature, bad):
    logits = torch.randn(3, 100, generator=torch.Generator().manual_seed(0))
    clean = draw(logits, torch.full((3,), 0.4), temperature)
    logits[1, 3] = bad
    drawn = draw(logits, torch.full((3,), 0.4), temperature)
    assert drawn.finite.tolist() == [True, False, True]
    assert drawn.tokens[0] == clean.tokens[0]
    assert drawn.tokens[2] == clean.tokens[2]
