"""Where every token of a pass lies: packed for the linear layers, in padded blocks for attention.

A completion's first token is predicted from the prompt's last one, so each completion's stream is the prompt's last
token and all its own but the last: as many positions as there are predictions. The prompt's stream is the rest of it,
run once for the whole group. Packed order: all prompt streams, then all completion streams, unpadded.

Blocks hold groups of similar length. Shape letters: B groups of a block, G completions of its largest group, P and T
its longest prompt and completion streams, Hkv key-value heads, R query heads per key-value head, D head size, N packed
tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from beneficent.training.loss import LossGroup

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Block:
    """G and P of one block, its masks, and where its parts lie in the buffers that hold rows of D numbers."""

    rows: int
    prompt_width: int
    prompt_mask: torch.Tensor
    """(B * Hkv, 1, P): 0, or -inf where a prompt has ended."""
    prompt_causal: torch.Tensor
    """(R * P, P): 0, or -inf for what comes later in the prompt."""
    own_causal: torch.Tensor
    """(R * T, T): 0, or -inf for what comes later in the completion."""
    prompt_query: slice
    """Of the query buffer, rows in the order (B, Hkv, R, P)."""
    own_query: slice
    """Of the query buffer, rows in the order (B, Hkv, G, R, T)."""
    prompt_keys: slice
    """Of the key buffer and of the value buffer, rows in the order (B, Hkv, P)."""
    own_keys: slice
    """Of the key buffer and of the value buffer, rows in the order (B, Hkv, G, T)."""


@dataclass(frozen=True, slots=True)
class Packing:
    """All indices of one pass. ``ids``, ``positions`` (N,); ``targets`` (predictions,).

    Attention gathers rows of D numbers by ``take_*`` from packed rows (token, Hkv, R + 2) into its buffers, and by
    ``back`` and ``back_out`` from buffers into packed rows; ``idle`` are query rows that only pad.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor
    num_prompt_tokens: int
    blocks: tuple[Block, ...]
    take_query: torch.Tensor
    take_key: torch.Tensor
    take_value: torch.Tensor
    back: torch.Tensor
    """Packed row (token, Hkv, R + 2) -> row of the query, key and value buffers laid end to end."""
    take_out: torch.Tensor
    """Query row -> packed row (token, Hkv, R)."""
    back_out: torch.Tensor
    """Packed row (token, Hkv, R) -> query row."""
    idle: torch.Tensor


@dataclass(slots=True)
class _Places:
    """Packed tokens of one block: prompts (B, P) and own (B, G, T), with which of them are no padding."""

    prompts: Ints
    prompt_real: NDArray[np.bool_]
    own: Ints
    own_real: NDArray[np.bool_]


def pack(groups: Sequence[LossGroup], kv_heads: int, repeat: int, max_blocks: int, like: torch.Tensor) -> Packing:
    """Lay out one pass over ``groups``, each with rows, each of these with tokens, for weights ``like``."""
    dtype, device = like.dtype, like.device
    prompts = [np.array(group.prompt[:-1], dtype=np.int64) for group in groups]
    starts = np.concatenate([[0], np.cumsum([len(prompt) for prompt in prompts])])
    num_prompt_tokens = int(starts[-1])
    ids, positions, targets = [*prompts], [np.arange(len(prompt)) for prompt in prompts], []
    own: list[list[Ints]] = []
    at = num_prompt_tokens
    for group in groups:
        own.append([])
        for row in group.rows:
            tokens = np.array(row.token_ids, dtype=np.int64)
            ids.append(np.concatenate([[group.prompt[-1]], tokens[:-1]]))
            positions.append(len(group.prompt) - 1 + np.arange(len(tokens)))
            targets.append(tokens)
            own[-1].append(at + np.arange(len(tokens)))
            at += len(tokens)
    places = [
        _place([starts[i] + np.arange(len(prompts[i])) for i in members], [own[i] for i in members])
        for members in _blocks(groups, max_blocks)
    ]
    return _index(np.concatenate(ids), np.concatenate(positions), np.concatenate(targets), num_prompt_tokens, places,
                  kv_heads, repeat, dtype, device)  # fmt: skip


def _blocks(groups: Sequence[LossGroup], max_blocks: int) -> list[list[int]]:
    """Cut the groups, ordered by their longest completion, into at most ``max_blocks`` runs with little padding."""
    longest = [max(len(row.token_ids) for row in group.rows) for group in groups]
    order = sorted(range(len(groups)), key=lambda index: (longest[index], index))
    if max_blocks == 1 or len(groups) == 1:
        return [order]
    # Each further block costs a fixed number of operations, so cut only at the largest relative jumps.
    jumps = [(longest[order[i]] / max(1, longest[order[i - 1]]), i) for i in range(1, len(order))]
    cuts = sorted(i for ratio, i in sorted(jumps, reverse=True)[: max_blocks - 1] if ratio > 1.25)
    edges = [0, *cuts, len(order)]
    return [order[start:stop] for start, stop in pairwise(edges)]


def _place(prompts: Sequence[Ints], own: Sequence[Sequence[Ints]]) -> _Places:
    width, most = max(1, max(map(len, prompts))), max(map(len, own))
    length = max(len(row) for rows in own for row in rows)
    # Padding points at a token of the same group: its numbers are finite whenever the group's are.
    places = _Places(
        prompts=np.repeat([rows[0][0] for rows in own], width).reshape(len(own), width),
        prompt_real=np.zeros((len(own), width), dtype=np.bool_),
        own=np.repeat([rows[0][0] for rows in own], most * length).reshape(len(own), most, length),
        own_real=np.zeros((len(own), most, length), dtype=np.bool_),
    )
    for index, (prompt, rows) in enumerate(zip(prompts, own, strict=True)):
        places.prompts[index, : len(prompt)] = prompt
        places.prompt_real[index, : len(prompt)] = True
        for slot, row in enumerate(rows):
            places.own[index, slot, : len(row)] = row
            places.own_real[index, slot, : len(row)] = True
    return places


class _Buffer:
    """Collects the rows of one buffer: for each, its packed token and which of the token's heads, or padding."""

    def __init__(self) -> None:
        self.size = 0
        self.tokens: list[Ints] = []
        self.heads: list[Ints] = []
        self.real: list[NDArray[np.bool_]] = []

    def add(self, tokens: Ints, heads: Ints, real: NDArray[np.bool_]) -> slice:
        part = slice(self.size, self.size + tokens.size)
        self.size = part.stop
        self.tokens.append(tokens.ravel())
        self.heads.append(heads.ravel())
        self.real.append(real.ravel())
        return part

    def joined(self) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        return np.concatenate(self.tokens), np.concatenate(self.heads), np.concatenate(self.real)


def _index(
    ids: Ints, positions: Ints, targets: Ints, num_prompt_tokens: int, places: Sequence[_Places], kv_heads: int,
    repeat: int, dtype: torch.dtype, device: torch.device,
) -> Packing:  # fmt: skip
    query, key = _Buffer(), _Buffer()
    spans: list[dict[str, slice]] = [{} for _ in places]
    # Completions after all prompts: then the last layer, which has no use for prompt queries, can drop the front.
    for own in (False, True):
        for place, span in zip(places, spans, strict=True):
            tokens, real = (place.own, place.own_real) if own else (place.prompts, place.prompt_real)
            side = "own" if own else "prompt"
            by_head, heads = _spread(tokens, kv_heads, repeat)
            span[f"{side}_query"] = query.add(by_head, heads, _spread(real, kv_heads, repeat)[0])
            by_head, heads = _spread(tokens, kv_heads, 0)
            span[f"{side}_keys"] = key.add(by_head, heads, _spread(real, kv_heads, 0)[0])
    q_tokens, q_heads, q_real = query.joined()
    k_tokens, k_heads, k_real = key.joined()
    per_token = repeat + 2
    take_query = (q_tokens * kv_heads + q_heads // repeat) * per_token + q_heads % repeat
    take_key = (k_tokens * kv_heads + k_heads) * per_token + repeat
    take_out = q_tokens * kv_heads * repeat + q_heads
    back = np.zeros(len(ids) * kv_heads * per_token, dtype=np.int64)
    back[take_query[q_real]] = np.flatnonzero(q_real)
    back[take_key[k_real]] = query.size + np.flatnonzero(k_real)
    back[take_key[k_real] + 1] = query.size + key.size + np.flatnonzero(k_real)
    back_out = np.zeros(len(ids) * kv_heads * repeat, dtype=np.int64)
    back_out[take_out[q_real]] = np.flatnonzero(q_real)
    send: Callable[[Ints], torch.Tensor] = lambda array: torch.from_numpy(array).to(device)  # noqa: E731
    blocks = [_block(place, kv_heads, repeat, span, dtype, device) for place, span in zip(places, spans, strict=True)]
    return Packing(
        send(ids), send(positions), send(targets), num_prompt_tokens, tuple(blocks), send(take_query), send(take_key),
        send(take_key + 1), send(back), send(take_out), send(back_out), send(np.flatnonzero(~q_real)),
    )  # fmt: skip


def _spread(tokens: NDArray[Any], kv_heads: int, repeat: int) -> tuple[NDArray[Any], Ints]:
    """(B, ..., T) -> (B, Hkv, ..., R, T), or without R for ``repeat`` 0; and the head of each entry."""
    count = max(1, repeat)
    heads = np.arange(kv_heads * count).reshape(kv_heads, count)
    middle = tokens.shape[1:-1]
    shape = (tokens.shape[0], kv_heads, *middle, count, tokens.shape[-1])
    expanded = np.broadcast_to(np.expand_dims(np.expand_dims(tokens, 1), -2), shape)
    by_head = np.broadcast_to(heads.reshape(1, kv_heads, *(1 for _ in middle), count, 1), shape)
    return expanded, by_head


def _block(
    place: _Places, kv_heads: int, repeat: int, span: dict[str, slice], dtype: torch.dtype, device: torch.device
) -> Block:
    rows, length = place.own.shape[1:]
    width = place.prompts.shape[1]
    prompt_mask = torch.zeros(place.prompt_real.shape, dtype=dtype)
    prompt_mask.masked_fill_(torch.from_numpy(~place.prompt_real), float("-inf"))
    prompt_causal, own_causal = (
        torch.full((size, size), float("-inf"), dtype=dtype).triu_(1).repeat(repeat, 1) for size in (width, length)
    )
    return Block(
        rows=rows,
        prompt_width=width,
        prompt_mask=prompt_mask.repeat_interleave(kv_heads, dim=0)[:, None].to(device),
        prompt_causal=prompt_causal.to(device),
        own_causal=own_causal.to(device),
        **span,
    )
