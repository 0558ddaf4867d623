"""Random numbers by counter, and one token drawn per row from them.

A row's numbers depend on the seed, the prompt's index, the sample's index and the position alone, never on which rows
share its batch. The counter hash is SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_BITS = 22


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return state ^ (state >> np.uint64(31))


def row_uniforms(
    seed: int, prompts: NDArray[np.int64], samples: NDArray[np.int64], num_positions: int
) -> NDArray[np.float32]:
    """Uniform numbers in [2**-23, 1 - 2**-23], shape (rows, num_positions), for rows (prompts[i], samples[i]).

    ``seed`` is any integer; it is taken modulo 2**64.
    """
    with np.errstate(over="ignore"):
        key = _mix(np.array([seed % 2**64], dtype=np.uint64) + _GOLDEN)
        for index in (prompts, samples):
            key = _mix(key ^ _mix((index.astype(np.uint64) + np.uint64(1)) * _GOLDEN))
        counter = np.arange(1, num_positions + 1, dtype=np.uint64) * _GOLDEN
        bits = _mix(key[:, None] + counter[None, :]) >> np.uint64(64 - _BITS)
    return (bits.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-_BITS)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Tokens (rows,), their log-probabilities at temperature 1 in nats (rows,), and which rows were finite (rows,)."""

    tokens: torch.Tensor
    logprobs: torch.Tensor
    finite: torch.Tensor


def draw(logits: torch.Tensor, uniforms: torch.Tensor, temperature: float) -> Drawn:
    """Draw one token per row by inverting the cumulative distribution at ``uniforms`` (rows,).

    ``logits`` (rows, vocabulary). Temperature 0 takes the most likely token. The token of a row whose distribution is
    not finite means nothing, and ``finite`` is False there.
    """
    logits = logits.float()
    if temperature == 1.0:
        weights = torch.softmax(logits, dim=-1)
        tokens, total = _invert(weights, uniforms)
        return Drawn(tokens, weights.gather(1, tokens[:, None])[:, 0].log(), total < 2.0)
    full = torch.log_softmax(logits, dim=-1)
    if temperature == 0.0:
        top, tokens = full.max(dim=-1)
        return Drawn(tokens, top, top <= 0.0)
    tokens, total = _invert(torch.softmax(logits / temperature, dim=-1), uniforms)
    return Drawn(tokens, full.gather(1, tokens[:, None])[:, 0], total < 2.0)


def _invert(weights: torch.Tensor, uniforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First index whose cumulative weight exceeds uniform * total, and the total (1, or NaN); (rows,) each.

    In two levels, blocks and then inside one block, because a running sum over a whole vocabulary costs more than all
    else here. Both targets lie strictly below the sums they are compared with, so the chosen weight is never zero; the
    uniforms stay away from 0 and 1 by more than a rounding for the same reason.
    """
    rows, vocabulary = weights.shape
    width = _block_width(vocabulary)
    padded = weights if vocabulary % width == 0 else F.pad(weights, (0, width - vocabulary % width))
    blocks = padded.view(rows, -1, width)
    ends = F.pad(blocks.sum(dim=-1).cumsum_(dim=-1), (1, 0))
    total = ends[:, -1]
    targets = (uniforms * total)[:, None]
    # The search starts behind the leading zero: ends[block] is the sum before the block, ends[block + 1] passes it.
    block = torch.searchsorted(ends, targets, right=True).sub_(1).clamp_(max=blocks.shape[1] - 1)
    inner = blocks.gather(1, block[:, :, None].expand(-1, -1, width))[:, 0].cumsum_(dim=-1)
    rest = torch.minimum(targets.sub_(ends.gather(1, block)), inner[:, -1:] * (1.0 - 2.0**-22))
    place = torch.searchsorted(inner, rest, right=True)
    return place.add_(block, alpha=width)[:, 0].clamp_(max=vocabulary - 1), total


def _block_width(vocabulary: int) -> int:
    """A width near the square root of the vocabulary, dividing it where one does (that saves a padded copy)."""
    near = [width for width in range(24, 129) if vocabulary % width == 0]
    return min(near, key=lambda width: abs(width - vocabulary**0.5), default=64 if vocabulary > 64 else vocabulary)


def to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    """The tensor's values on the CPU."""
    return tensor.detach().cpu().numpy()
