"""Sampling: every prompt prefilled once, finished rows leave, and a row's tokens do not depend on its batch.

The random number of a token is a hash of (seed, prompt index, sample index, position), so the order of batches, their
size and the decoder change nothing but the last bit of a probability.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from beneficent.core.errors import PolicyError
from beneficent.core.ledger import Ledger
from beneficent.policy.decoder import Decoder, build_decoder, evaluating
from beneficent.policy.draws import draw, row_uniforms, to_numpy
from beneficent.policy.flops import cache_bytes_per_token, model_size, sampling_flops
from beneficent.policy.loading import Policy
from beneficent.policy.types import Completion, Ending

ROWS_PER_BATCH = {"cpu": 128, "cuda": 512}
"""Rows decoded together at most, by device type; past this a batch gains nothing."""
CACHE_BYTES = {"cpu": 512 * 2**20, "cuda": 8 * 2**30}
"""Keys and values of one batch at most, by device type; a single prompt with its samples always runs."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample: at most ``max_new_tokens`` a completion; ``temperature`` 0 takes the likeliest token."""

    max_new_tokens: int
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise PolicyError(f"max_new_tokens = {self.max_new_tokens}; must be at least 1")
        if not 0.0 <= self.temperature < float("inf"):
            raise PolicyError(f"temperature = {self.temperature}; must be 0 or a positive number")


@dataclass(slots=True)
class _Rows:
    """The sampled rows of one batch: tokens and log-probabilities (rows, positions), lengths (rows,), endings."""

    tokens: NDArray[np.int64]
    logprobs: NDArray[np.float32]
    lengths: NDArray[np.int64]
    ended: NDArray[np.bool_]
    errored: NDArray[np.bool_]


def sample(
    policy: Policy,
    prompts: Sequence[Sequence[int]],
    num_samples: int,
    sampling: Sampling,
    seed: int,
    forced: bool = False,
    ledger: Ledger | None = None,
    rows_per_batch: int | None = None,
    seeds: Sequence[int] | None = None,
) -> list[list[Completion]]:
    """``num_samples`` completions of each prompt, in the order of ``prompts``.

    ``forced`` says that the prompts end with a closed thought. ``rows_per_batch`` bounds the rows decoded together
    (default: ``ROWS_PER_BATCH`` and ``CACHE_BYTES``); it changes speed and memory, not results. ``seeds``, one number
    in 0..2**63-1 per prompt, stands in for the prompt's index in its random numbers: then a prompt gets the same
    completions whatever else is sampled in the call. ``ledger`` is added to. Raises ``PolicyError`` for an empty
    prompt, one that leaves no room for ``max_new_tokens`` within the model's positions, or a number of ``seeds`` other
    than of prompts.
    """
    _check(policy, prompts, num_samples, sampling)
    streams = range(len(prompts)) if seeds is None else seeds
    if len(streams) != len(prompts):
        raise PolicyError(f"{len(streams)} seeds for {len(prompts)} prompts; there must be one each")
    ledger = Ledger() if ledger is None else ledger
    results: list[list[Completion]] = [[] for _ in prompts]
    with ledger.timed("sampling"), torch.inference_mode(), evaluating(policy.model):
        decoder = build_decoder(policy.model, policy.route)
        lengths = [len(prompt) for prompt in prompts]
        limit = _row_limit(policy, max(lengths, default=0) + sampling.max_new_tokens, rows_per_batch)
        for batch in _batches(lengths, num_samples, limit, decoder.pads):
            of_batch, own = [prompts[index] for index in batch], [streams[index] for index in batch]
            rows = _sample_batch(policy, decoder, of_batch, own, num_samples, sampling, seed)
            for place, index in enumerate(batch):
                mine = range(place * num_samples, (place + 1) * num_samples)
                results[index] = [_completion(policy, rows, row, forced) for row in mine]
    _enter(ledger, policy, prompts, results)
    return results


def _check(policy: Policy, prompts: Sequence[Sequence[int]], num_samples: int, sampling: Sampling) -> None:
    if num_samples < 1:
        raise PolicyError(f"num_samples = {num_samples}; must be at least 1")
    room = getattr(policy.model.config, "max_position_embeddings", None)
    for index, prompt in enumerate(prompts):
        if len(prompt) == 0:
            raise PolicyError(f"prompt {index} is empty")
        if room is not None and len(prompt) + sampling.max_new_tokens > room:
            raise PolicyError(
                f"prompt {index} has {len(prompt)} tokens; with max_new_tokens = {sampling.max_new_tokens} that is "
                f"over the model's {room} positions"
            )


def _row_limit(policy: Policy, positions: int, rows_per_batch: int | None) -> int:
    if rows_per_batch is not None:
        return rows_per_batch
    kind = policy.device.type
    rows = CACHE_BYTES.get(kind, CACHE_BYTES["cpu"]) // (positions * cache_bytes_per_token(policy.model))
    return min(rows, ROWS_PER_BATCH.get(kind, ROWS_PER_BATCH["cpu"]))


def _batches(lengths: Sequence[int], num_samples: int, limit: int, pads: bool) -> Iterator[list[int]]:
    """Indices of prompts to run together, longest first so that a batch too large for memory fails at once."""
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    size = max(1, limit // num_samples)
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) == size or (not pads and lengths[batch[0]] != lengths[index])):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _sample_batch(
    policy: Policy,
    decoder: Decoder,
    prompts: list[Sequence[int]],
    streams: list[int],
    num_samples: int,
    sampling: Sampling,
    seed: int,
) -> _Rows:
    num_rows, positions = len(prompts) * num_samples, sampling.max_new_tokens
    uniforms = row_uniforms(
        seed, np.repeat(streams, num_samples), np.tile(np.arange(num_samples), len(prompts)), positions
    )
    rows = _Rows(
        tokens=np.zeros((num_rows, positions), dtype=np.int64),
        logprobs=np.zeros((num_rows, positions), dtype=np.float32),
        lengths=np.zeros(num_rows, dtype=np.int64),
        ended=np.zeros(num_rows, dtype=np.bool_),
        errored=np.zeros(num_rows, dtype=np.bool_),
    )
    active = np.arange(num_rows)
    logits = decoder.prefill(prompts, num_samples, positions)
    is_end = np.zeros(logits.shape[-1], dtype=np.bool_)
    is_end[[token for token in policy.end_ids if 0 <= token < len(is_end)]] = True
    for position in range(positions):
        drawn = draw(logits, torch.from_numpy(uniforms[active, position]).to(logits.device), sampling.temperature)
        tokens, finite = to_numpy(drawn.tokens), to_numpy(drawn.finite)
        rows.tokens[active, position] = tokens
        rows.logprobs[active, position] = to_numpy(drawn.logprobs)
        rows.lengths[active] = position + finite
        rows.errored[active] = ~finite
        rows.ended[active] = is_end[tokens] & finite
        staying = np.flatnonzero(finite & ~rows.ended[active])
        if len(staying) == 0 or position + 1 == positions:
            break
        next_tokens = drawn.tokens
        if len(staying) < len(active):
            active = active[staying]
            kept = torch.from_numpy(staying).to(logits.device)
            decoder.keep(kept)
            next_tokens = next_tokens[kept]
        logits = decoder.step(next_tokens)
    return rows


def _completion(policy: Policy, rows: _Rows, row: int, forced: bool) -> Completion:
    length = int(rows.lengths[row])
    ids = rows.tokens[row, :length].tolist()
    thought, answer, closed = policy.renderer.split(ids[:-1] if rows.ended[row] else ids, forced)
    if rows.errored[row]:
        ending = Ending.ERRORED
    else:
        ending = Ending.COMPLETED if rows.ended[row] and closed else Ending.TRUNCATED
    return Completion(tuple(ids), tuple(rows.logprobs[row, :length].tolist()), thought, answer, ending)


def _enter(
    ledger: Ledger, policy: Policy, prompts: Sequence[Sequence[int]], results: Sequence[Sequence[Completion]]
) -> None:
    size = model_size(policy.model)
    for prompt, group in zip(prompts, results, strict=True):
        lengths = [len(completion.token_ids) for completion in group]
        ledger.prompts += 1
        ledger.completions += len(group)
        ledger.tokens_prompt += len(prompt)
        ledger.tokens_sampled += sum(lengths)
        ledger.flops_sampling += sampling_flops(size, len(prompt), lengths)
