"""A decoder for the Llama family that computes what ``LlamaForCausalLM.forward`` computes, with less work.

At the lab's size a step is a few dozen small matrix products, so what counts is how many operations there are and how
much memory they read:

* the samples of a prompt attend to one copy of its keys and values, as one product per prompt and head;
* query, key and value weights are one matrix, gate and up weights another;
* the rotary pairs (j, j + d/2) are stored side by side, which makes the rotation one complex product (scores do not
  change, since queries and keys are permuted alike), and the 1/sqrt(d) of the scores is in the query weights;
* prompts run unpadded through the linear layers, and their last layer computes keys and values only, but at the last
  position of each;
* finished rows leave the linear layers at once and the caches when enough of them have gone;
* caches have no gaps: a batched product over part of a tensor first copies it, so they grow by blocks of positions, and
  what a block does not hold yet is masked.

Shape letters: A active rows, G prompts, S samples held per prompt, N = G * Hkv * S, Hkv key-value heads, R query heads
per key-value head, D head size, P longest prompt, T sampled positions there is room for, H hidden size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

_MODULES = frozenset(
    {"LlamaForCausalLM", "LlamaModel", "LlamaDecoderLayer", "LlamaAttention", "LlamaMLP", "LlamaRMSNorm"}
    | {"LlamaRotaryEmbedding", "Linear", "Embedding", "ModuleList", "SiLU", "SiLUActivation"}
)
_ROPE_TYPES = frozenset({"default", "linear", "llama3", "yarn"})
_PREFILL_TOKENS = 1024
_COMPACT_BELOW = 0.6
_BLOCK = 24


def why_not_llama(model: Any) -> str | None:
    """Why ``LlamaDecoder`` does not cover this model, or None if it does."""
    foreign = sorted({type(module).__name__ for module in model.modules()} - _MODULES)
    if foreign:
        return f"modules of other kinds inside the Llama: {', '.join(foreign)}"
    rope_type = model.model.rotary_emb.rope_type
    if rope_type not in _ROPE_TYPES:
        return f"rope type {rope_type} depends on the length of the text"
    if len({(parameter.dtype, parameter.device) for parameter in model.parameters()}) > 1:
        return "parameters of several types or on several devices"
    return None


@dataclass(slots=True)
class LlamaLayer:
    """Weights of one layer, joined and reordered; ``qkv`` rows are ordered (Hkv, R queries + key + value, D)."""

    norm_1: torch.Tensor
    qkv: torch.Tensor
    qkv_bias: torch.Tensor | None
    out: torch.Tensor
    out_bias: torch.Tensor | None
    norm_2: torch.Tensor
    gate_up: torch.Tensor
    gate_up_bias: torch.Tensor | None
    down: torch.Tensor
    down_bias: torch.Tensor | None


def join_layer(layer: Any, kv_heads: int, head_dim: int) -> LlamaLayer:
    """The joined weights of a ``LlamaDecoderLayer``, differentiable in its parameters where gradients are on."""
    attention, mlp = layer.self_attn, layer.mlp
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    weights, biases = ([getattr(p, name) for p in projections] for name in ("weight", "bias"))
    return LlamaLayer(
        norm_1=layer.input_layernorm.weight,
        qkv=_group_heads(weights, kv_heads, head_dim),
        qkv_bias=None
        if biases[0] is None
        else _group_heads([bias[:, None] for bias in biases], kv_heads, head_dim)[:, 0],
        out=attention.o_proj.weight,
        out_bias=attention.o_proj.bias,
        norm_2=layer.post_attention_layernorm.weight,
        gate_up=torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]),
        gate_up_bias=None if mlp.gate_proj.bias is None else torch.cat([mlp.gate_proj.bias, mlp.up_proj.bias]),
        down=mlp.down_proj.weight,
        down_bias=mlp.down_proj.bias,
    )


def _group_heads(parts: Sequence[torch.Tensor], kv_heads: int, head_dim: int) -> torch.Tensor:
    """Query, key and value rows (heads * D, columns) -> (Hkv * (R + 2) * D, columns), rotary pairs adjacent."""
    query, key, value = (part.view(kv_heads, -1, 2, head_dim // 2, part.shape[1]) for part in parts)
    turned = torch.cat([query * head_dim**-0.5, key], dim=1).transpose(2, 3).flatten(2, 3)
    return torch.cat([turned, value.flatten(2, 3)], dim=1).flatten(0, 2)


class LlamaDecoder:
    """See ``policy.decoder.Decoder``. Holds joined copies of the weights as they were when it was made."""

    pads = True

    def __init__(self, model: Any) -> None:
        config = model.config
        self._kv_heads: int = config.num_key_value_heads
        self._repeat: int = config.num_attention_heads // config.num_key_value_heads
        self._head_dim: int = config.head_dim
        self._eps: float = config.rms_norm_eps
        self._embedding = model.model.embed_tokens.weight.detach()
        self._head = model.lm_head.weight.detach()
        self._norm = model.model.norm.weight.detach()
        self._frequencies = model.model.rotary_emb.inv_freq.float()
        self._rope_scale: float = model.model.rotary_emb.attention_scaling
        with torch.no_grad():
            self._layers = [join_layer(layer, self._kv_heads, self._head_dim) for layer in model.model.layers]

    def prefill(self, prompts: Sequence[Sequence[int]], num_samples: int, max_new_tokens: int) -> torch.Tensor:
        """See ``policy.decoder.Decoder.prefill``."""
        lengths = np.array([len(prompt) for prompt in prompts])
        self._num_groups, self._num_slots = len(prompts), num_samples
        self._prompt_width, self._num_steps = int(lengths.max()), 0
        self._shares = num_samples > 1
        device = self._embedding.device
        self._lengths = torch.from_numpy(lengths).to(device)
        positions = torch.arange(self._prompt_width + max_new_tokens, device=device).float()
        angles = torch.outer(positions, self._frequencies)
        self._turns = torch.polar(torch.full_like(angles, self._rope_scale), angles)
        self._allocate()
        self._set_mask()
        self._place(np.arange(len(prompts) * num_samples))
        logits = torch.cat([self._prefill_some(prompts, part) for part in _chunks(lengths)])
        return logits.repeat_interleave(num_samples, dim=0) if self._shares else logits

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """See ``policy.decoder.Decoder.step``."""
        hidden = F.embedding(tokens, self._embedding)
        turns = self._turns.index_select(0, self._lengths + self._num_steps)[:, None, None, None]
        self._open_column()
        for index, layer in enumerate(self._layers):
            qkv = F.linear(self._rms(hidden, layer.norm_1), layer.qkv, layer.qkv_bias)
            qkv = qkv.view(-1, (self._repeat + 2) * self._head_dim)
            if self._to_slots is not None:
                qkv = qkv.index_select(0, self._to_slots)
            mixed = self._attend(index, qkv, turns)
            if self._to_rows is not None:
                mixed = mixed.index_select(0, self._to_rows)
            hidden = self._finish(layer, hidden, mixed.view(hidden.shape[0], -1))
        self._num_steps += 1
        return F.linear(self._rms(hidden, self._norm), self._head)

    def keep(self, rows: torch.Tensor) -> None:
        """See ``policy.decoder.Decoder.keep``."""
        slots = self._slots[rows.cpu().numpy()]
        groups, counts = np.unique(slots // self._num_slots, return_counts=True)
        widest = int(counts.max())
        if len(groups) * widest > _COMPACT_BELOW * self._num_groups * self._num_slots:
            self._place(slots)
            return
        first = np.concatenate([[0], counts.cumsum()[:-1]])
        # Places a group no longer needs point at its first row, whose keys are finite and whose result nobody reads.
        offsets = np.where(np.arange(widest)[None, :] < counts[:, None], np.arange(widest)[None, :], 0)
        source = slots[first[:, None] + offsets]
        heads = np.arange(self._kv_heads)[None, :, None]
        old_group, old_slot = source // self._num_slots, source % self._num_slots
        take = ((old_group[:, None, :] * self._kv_heads + heads) * self._num_slots + old_slot[:, None, :]).ravel()
        self._compact(groups, take)
        self._num_groups, self._num_slots = len(groups), widest
        self._set_mask()
        place = np.arange(len(slots)) - np.repeat(first, counts)
        self._place(np.repeat(np.arange(len(groups)), counts) * widest + place)

    def _allocate(self) -> None:
        """Caches: per layer own (2, N, T or P + T, D) and, with several samples, shared (2, G * Hkv, P, D)."""
        groups, width = self._num_groups * self._kv_heads, self._prompt_width
        like = {"dtype": self._embedding.dtype, "device": self._embedding.device}
        self._first = 0 if self._shares else width
        shape = (2, groups * self._num_slots, self._first + _BLOCK, self._head_dim)
        self._own = [torch.empty(shape, **like) for _ in self._layers]
        for own in self._own:
            own[:, :, self._first :].zero_()
        self._shared = [torch.empty((2, groups, width, self._head_dim), **like) for _ in self._layers if self._shares]

    def _set_mask(self) -> None:
        """-inf at places between a prompt's end and P, and at positions not sampled yet.

        Without sharing one mask (N, 1, P + T); with it ``_mask`` (G * Hkv, 1, P), or None where no prompt is shorter
        than P, and ``_own_mask`` (1, 1, T).
        """
        device, num_columns = self._lengths.device, self._own[0].shape[2]
        columns = torch.arange(num_columns, device=device)
        unsampled = columns >= self._first + self._num_steps
        if self._shares:
            self._own_mask = self._minus_infinity(unsampled[None, None])
            padding = torch.arange(self._prompt_width, device=device) >= self._lengths[:, None]
            self._mask = self._minus_infinity(padding) if bool(padding.any()) else None
        else:
            padding = (columns >= self._lengths[:, None]) & (columns < self._prompt_width)
            self._mask = self._minus_infinity(padding | unsampled)
        if self._mask is not None:
            self._mask = self._mask.repeat_interleave(self._kv_heads, dim=0)[:, None]

    def _minus_infinity(self, where: torch.Tensor) -> torch.Tensor:
        zeros = torch.zeros(where.shape, dtype=self._embedding.dtype, device=where.device)
        return zeros.masked_fill_(where, float("-inf"))

    def _open_column(self) -> None:
        """Make room for one more position, and let it be seen."""
        column = self._first + self._num_steps
        if column == self._own[0].shape[2]:
            self._own = [_longer(own) for own in self._own]
            self._set_mask()
        mask = self._own_mask if self._shares else self._mask
        assert mask is not None
        mask[:, :, column] = 0.0

    def _place(self, slots: NDArray[np.int64]) -> None:
        """Say in which slot (g * S + s) each active row lives, and how to go from rows to slots and back."""
        self._slots = slots
        num_slots, heads = self._num_slots, np.arange(self._kv_heads)
        if num_slots == 1 and len(slots) == self._num_groups:
            self._to_slots = self._to_rows = None
            return
        group, slot = slots // num_slots, slots % num_slots
        row_to = ((group[:, None] * self._kv_heads + heads) * num_slots + slot[:, None]).ravel()
        back = np.zeros(self._num_groups * self._kv_heads * num_slots, dtype=np.int64)
        back[row_to] = np.arange(len(row_to))
        device = self._embedding.device
        self._to_slots, self._to_rows = torch.from_numpy(back).to(device), torch.from_numpy(row_to).to(device)

    def _compact(self, groups: NDArray[np.int64], take: NDArray[np.int64]) -> None:
        device = self._embedding.device
        rows = torch.from_numpy(take).to(device)
        self._own = [own.index_select(1, rows) for own in self._own]
        if len(groups) == self._num_groups:
            return
        kept = torch.from_numpy(groups).to(device)
        self._lengths = self._lengths.index_select(0, kept)
        if self._shares:
            pairs = (kept[:, None] * self._kv_heads + torch.arange(self._kv_heads, device=device)).view(-1)
            self._shared = [shared.index_select(1, pairs) for shared in self._shared]

    def _attend(self, index: int, qkv: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        """Rotate, store and attend for one new token per slot: (N, (R + 2) * D) -> (N, R * D)."""
        groups, heads, slots, repeat, dim = (
            self._num_groups,
            self._kv_heads,
            self._num_slots,
            self._repeat,
            self._head_dim,
        )
        rotate(qkv.view(groups, heads, slots, repeat + 2, dim)[:, :, :, : repeat + 1], turns)
        qkv = qkv.view(-1, repeat + 2, dim)
        own = self._own[index]
        own[:, :, self._first + self._num_steps].copy_(qkv[:, repeat:].transpose(0, 1))
        query, keys = qkv[:, :repeat], own[0].transpose(1, 2)
        if not self._shares:
            assert self._mask is not None
            return torch.bmm(torch.baddbmm(self._mask, query, keys).softmax(dim=-1), own[1])
        prefix, shared = self._prompt_width, self._shared[index]
        by_prompt = query.reshape(groups * heads, slots * repeat, dim)
        past = shared[0].transpose(1, 2)
        scores = torch.bmm(by_prompt, past) if self._mask is None else torch.baddbmm(self._mask, by_prompt, past)
        # One softmax over both parts; a product written into part of a tensor would leave the fast path of bmm.
        recent = torch.baddbmm(self._own_mask, query, keys)
        weights = torch.cat([scores.view(-1, repeat, prefix), recent], dim=-1).softmax(dim=-1)
        mixed = torch.bmm(weights[:, :, prefix:], own[1])
        by_prompt = weights.view(groups * heads, slots * repeat, -1)[:, :, :prefix]
        mixed.view(groups * heads, slots * repeat, dim).baddbmm_(by_prompt, shared[1])
        return mixed

    def _prefill_some(self, prompts: Sequence[Sequence[int]], part: range) -> torch.Tensor:
        """Prefill the prompts in ``part`` and return the logits after the last token of each."""
        device = self._embedding.device
        lengths = np.array([len(prompts[index]) for index in part])
        width, offsets = int(lengths.max()), np.concatenate([[0], lengths.cumsum()])
        places = np.arange(width)[None, :]
        inside = places < lengths[:, None]
        # Padding repeats the prompt's own last token, so that a prompt which is not finite spoils no other.
        padded = torch.from_numpy((offsets[:-1, None] + np.minimum(places, lengths[:, None] - 1)).ravel()).to(device)
        packed = torch.from_numpy(np.flatnonzero(inside.ravel())).to(device)
        last = torch.from_numpy(offsets[1:] - 1).to(device)
        ids = torch.tensor([token for index in part for token in prompts[index]], device=device)
        turns = self._turns.index_select(0, packed % width)[:, None, None]
        hidden = F.embedding(ids, self._embedding)
        for index, layer in enumerate(self._layers):
            final = index + 1 == len(self._layers)
            qkv = self._prompt_qkv(layer, hidden, turns)
            by_prompt = qkv.index_select(0, padded).view(len(part), width, self._kv_heads, self._repeat + 2, -1)
            self._store_prompt(index, part, by_prompt)
            if final:
                mixed = self._attend_prompt_last(by_prompt, torch.from_numpy(lengths).to(device))
                hidden = hidden.index_select(0, last)
            else:
                mixed = self._attend_prompt(by_prompt).index_select(0, packed)
            hidden = self._finish(layer, hidden, mixed)
        return F.linear(self._rms(hidden, self._norm), self._head)

    def _prompt_qkv(self, layer: LlamaLayer, hidden: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        qkv = F.linear(self._rms(hidden, layer.norm_1), layer.qkv, layer.qkv_bias)
        qkv = qkv.view(-1, self._kv_heads, self._repeat + 2, self._head_dim)
        rotate(qkv[:, :, : self._repeat + 1], turns)
        return qkv

    def _store_prompt(self, index: int, part: range, qkv: torch.Tensor) -> None:
        """Keys and values of ``qkv`` (prompts, width, Hkv, R + 2, D) into the caches; what follows them is masked."""
        cache = self._shared[index] if self._shares else self._own[index]
        rows = slice(part.start * self._kv_heads, part.stop * self._kv_heads)
        target = cache[:, rows].view(2, len(part), self._kv_heads, cache.shape[2], self._head_dim)
        target[:, :, :, : qkv.shape[1]].copy_(qkv[:, :, :, self._repeat :].permute(3, 0, 2, 1, 4))
        # Masked scores must be -inf, not NaN: what lies in fresh memory may be anything.
        target[:, :, :, qkv.shape[1] : self._prompt_width].zero_()

    def _attend_prompt(self, qkv: torch.Tensor) -> torch.Tensor:
        """Causal attention in right-padded prompts: (prompts, width, Hkv, R + 2, D) -> (prompts * width, heads * D)."""
        count, width, repeat = qkv.shape[0], qkv.shape[1], self._repeat
        heads = qkv.permute(0, 2, 3, 1, 4)
        shape = (count, self._kv_heads * repeat, width, self._head_dim)
        query = heads[:, :, :repeat].reshape(shape)
        key, value = (
            heads[:, :, repeat + which].unsqueeze(2).expand(-1, -1, repeat, -1, -1).reshape(shape) for which in (0, 1)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=1.0)
        return mixed.transpose(1, 2).reshape(count * width, -1)

    def _attend_prompt_last(self, qkv: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Attention of each prompt's last token only: (prompts, width, Hkv, R + 2, D) -> (prompts, heads * D)."""
        rows = torch.arange(qkv.shape[0], device=qkv.device)
        query = qkv[rows, lengths - 1, :, : self._repeat]
        key, value = qkv[:, :, :, -2].permute(0, 2, 3, 1), qkv[:, :, :, -1].transpose(1, 2)
        outside = torch.arange(qkv.shape[1], device=qkv.device) >= lengths[:, None]
        scores = torch.matmul(query, key).masked_fill_(outside[:, None, None], float("-inf"))
        return torch.matmul(torch.softmax(scores, dim=-1), value).flatten(1)

    def _finish(self, layer: LlamaLayer, hidden: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
        """Output projection, residual, and the gated feed-forward block: (A, H), (A, heads * D) -> (A, H)."""
        hidden = torch.addmm(hidden, mixed, layer.out.t())
        if layer.out_bias is not None:
            hidden = hidden + layer.out_bias
        gate, up = F.linear(self._rms(hidden, layer.norm_2), layer.gate_up, layer.gate_up_bias).chunk(2, dim=-1)
        hidden = hidden.addmm_(F.silu(gate).mul_(up), layer.down.t())
        return hidden if layer.down_bias is None else hidden + layer.down_bias

    def _rms(self, hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(hidden, (hidden.shape[-1],), weight, self._eps)


def _longer(cache: torch.Tensor) -> torch.Tensor:
    """A copy of ``cache`` (2, N, T, D) with ``_BLOCK`` more positions, zero."""
    made = cache.new_empty((*cache.shape[:2], cache.shape[2] + _BLOCK, cache.shape[3]))
    made[:, :, : cache.shape[2]].copy_(cache)
    made[:, :, cache.shape[2] :].zero_()
    return made


def _chunks(lengths: NDArray[np.int64]) -> list[range]:
    """Cut prompts into runs of about ``_PREFILL_TOKENS`` tokens, so that activations stay in the processor's cache."""
    ranges, start, tokens = [], 0, 0
    for index, length in enumerate(lengths.tolist()):
        if index > start and tokens + length > _PREFILL_TOKENS:
            ranges.append(range(start, index))
            start, tokens = index, 0
        tokens += length
    return [*ranges, range(start, len(lengths))]


def rotate(heads: torch.Tensor, turns: torch.Tensor) -> None:
    """Rotate in place the adjacent pairs of ``heads`` (..., D) by the unit complex numbers ``turns`` (..., D / 2)."""
    pairs = heads.view(*heads.shape[:-1], -1, 2)
    if heads.dtype == torch.float32:
        torch.view_as_complex(pairs).mul_(turns)
    else:
        pairs.copy_(torch.view_as_real(torch.view_as_complex(pairs.float()) * turns))
