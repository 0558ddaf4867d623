"""Hidden states of completions with each prompt run once for its whole group: the Llama family.

Two streams (``packing``): prompts attend to themselves, completions to their prompt's keys and values and to their own.
All linear layers see both streams packed in one matrix. In the last layer the prompts give keys and values only. Norm
weights are multiplied into the next matrix, and what backward needs of the element-wise parts is worked out by hand, as
at small sizes passes over memory cost as much as the products.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from beneficent.policy.llama import LlamaLayer, join_layer, rotate
from beneficent.training.loss import LossGroup
from beneficent.training.packing import Block, Packing, pack

MAX_BLOCKS = 3


class PrefixLlama:
    """One state of the weights, joined once for several passes.

    Call it for the hidden states of a pass, backpropagate what comes of them, and end with ``finish``, which carries
    the gradients of the joined weights to the model's own.
    """

    def __init__(self, model: Any) -> None:
        config = model.config
        self._kv_heads: int = config.num_key_value_heads
        self._repeat: int = config.num_attention_heads // config.num_key_value_heads
        self._head_dim: int = config.head_dim
        self._eps: float = config.rms_norm_eps
        self._frequencies = model.model.rotary_emb.inv_freq.float()
        self._rope_scale: float = model.model.rotary_emb.attention_scaling
        self._embedding = model.model.embed_tokens.weight
        self._padding_id: int | None = model.model.embed_tokens.padding_idx
        self._norm = model.model.norm.weight
        self.head: torch.Tensor = model.lm_head.weight
        joined = [_fold_norms(join_layer(layer, self._kv_heads, self._head_dim)) for layer in model.model.layers]
        self._joints: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._layers = [self._cut(layer) for layer in joined]

    def _cut(self, layer: LlamaLayer) -> LlamaLayer:
        """The layer with its joined weights as leaves, so that every pass adds to their gradients, not to the graph."""
        changes = {}
        for field in fields(layer):
            weight = getattr(layer, field.name)
            if weight is not None and weight.requires_grad and not weight.is_leaf:
                leaf = weight.detach().requires_grad_()
                self._joints.append((weight, leaf))
                changes[field.name] = leaf
        return replace(layer, **changes)

    def __call__(self, groups: Sequence[LossGroup]) -> tuple[torch.Tensor, torch.Tensor]:
        """Final hidden states (predictions, H) of all rows' tokens one after another, and the tokens (predictions,)."""
        packing = pack(groups, self._kv_heads, self._repeat, MAX_BLOCKS, self._embedding)
        positions = torch.arange(int(packing.positions.max()) + 1, device=self._embedding.device).float()
        angles = torch.outer(positions, self._frequencies)
        turns = torch.polar(torch.full_like(angles, self._rope_scale), angles)
        turns = turns.index_select(0, packing.positions)[:, None, None]
        context = _Context(packing, turns, turns.conj().resolve_conj(), self._kv_heads, self._repeat, self._head_dim)
        hidden = F.embedding(packing.ids, self._embedding, self._padding_id)
        for index, layer in enumerate(self._layers):
            last = index + 1 == len(self._layers)
            normed = _normalise(hidden, self._eps)
            mixed = _Attention.apply(normed, layer.qkv, layer.qkv_bias, context, last)  # type: ignore[no-untyped-call]
            if last:
                hidden = hidden[packing.num_prompt_tokens :]
            hidden = _add_linear(hidden, mixed, layer.out, layer.out_bias)
            gates = F.linear(_normalise(hidden, self._eps), layer.gate_up, layer.gate_up_bias)
            hidden = _add_linear(hidden, _Gate.apply(gates), layer.down, layer.down_bias)  # type: ignore[no-untyped-call]
        return _normalise(hidden, self._eps) * self._norm, packing.targets

    def finish(self) -> None:
        """Carry the gradients to the model's parameters; call it once, after the last pass."""
        used = [(joint, leaf.grad) for joint, leaf in self._joints if leaf.grad is not None]
        if used:
            torch.autograd.backward([joint for joint, _ in used], [grad for _, grad in used])


@dataclass(frozen=True, slots=True)
class _Context:
    """What attention needs besides its input: complex numbers by position (N, 1, 1, D / 2) and their conjugates."""

    packing: Packing
    turns: torch.Tensor
    turns_back: torch.Tensor
    kv_heads: int
    repeat: int
    head_dim: int


def _fold_norms(layer: LlamaLayer) -> LlamaLayer:
    """W (norm * x) = (W * norm) x: the norms' weights go into the matrices that follow them."""
    return replace(layer, qkv=layer.qkv * layer.norm_1, gate_up=layer.gate_up * layer.norm_2)


def _add_linear(
    hidden: torch.Tensor, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    added: torch.Tensor = torch.addmm(hidden, inputs, weight.t())
    return added if bias is None else added + bias


def _normalise(hidden: torch.Tensor, eps: float) -> torch.Tensor:
    normed: torch.Tensor = _Normalise.apply(hidden, eps)  # type: ignore[no-untyped-call]
    return normed


class _Normalise(torch.autograd.Function):
    """x / sqrt(mean(x^2) + eps) over the last dimension, without a weight."""

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, eps: float) -> torch.Tensor:
        wide = hidden.float()
        scale = (torch.linalg.vecdot(wide, wide) / wide.shape[-1] + eps).rsqrt_()[:, None]
        normed: torch.Tensor = (wide * scale).to(hidden.dtype)
        ctx.save_for_backward(normed, scale)
        return normed

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        normed, scale = ctx.saved_tensors
        wide = grads[0].float()
        mean = (torch.linalg.vecdot(wide, normed.float()) / normed.shape[-1])[:, None]
        result = torch.addcmul(wide, normed, mean, value=-1).mul_(scale)
        return result.to(normed.dtype), None


class _Gate(torch.autograd.Function):
    """silu(gate) * up from (N, gate and up side by side)."""

    @staticmethod
    def forward(ctx: Any, gates: torch.Tensor) -> torch.Tensor:
        gate, up = gates.chunk(2, dim=-1)
        active = F.silu(gate)
        ctx.save_for_backward(gates, active)
        return active * up

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        gates, active = ctx.saved_tensors
        gate, up = gates.chunk(2, dim=-1)
        result = torch.empty_like(gates)
        for_gate, for_up = result.chunk(2, dim=-1)
        torch.mul(grads[0], active, out=for_up)
        for_gate.copy_(torch.ops.aten.silu_backward(grads[0] * up, gate))
        return result


class _Attention(torch.autograd.Function):
    """Projection, rotation and attention: (N, H) -> (N, heads * D), or of the completions' stream only if ``last``."""

    @staticmethod
    def forward(
        ctx: Any, normed: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, own: _Context, last: bool
    ) -> torch.Tensor:
        packing, dim = own.packing, own.head_dim
        packed = F.linear(normed, weight, bias).view(-1, own.kv_heads, own.repeat + 2, dim)
        rotate(packed[:, :, : own.repeat + 1], own.turns)
        rows = packed.view(-1, dim)
        takes = (packing.take_query, packing.take_key, packing.take_value)
        heads = _Heads(*(rows.index_select(0, take) for take in takes))
        out = torch.empty_like(heads.query)
        weights: list[torch.Tensor] = []
        for block in packing.blocks:
            if not last:
                weights.append(_attend_prompts(block, heads, out))
            weights.append(_attend_own(block, heads, out))
        ctx.own, ctx.last, ctx.biased = own, last, bias is not None
        ctx.save_for_backward(normed, weight, *heads, *weights)
        skipped = packing.num_prompt_tokens * own.kv_heads * own.repeat if last else 0
        return out.index_select(0, packing.back_out[skipped:]).view(-1, own.kv_heads * own.repeat * dim)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        own, last = ctx.own, ctx.last
        normed, weight, query, key, value, *weights = ctx.saved_tensors
        packing, heads = own.packing, _Heads(query, key, value)
        grad_out = _gather_grad(grads[0].reshape(-1, own.head_dim), own, last, query)
        sizes = [len(query), len(key), len(value)]
        joined = torch.empty(sum(sizes), own.head_dim, dtype=query.dtype, device=query.device)
        grad = _Heads(*torch.split(joined, sizes))
        for block in packing.blocks:
            prompts = None if last else weights.pop(0)
            _back_own(block, heads, weights.pop(0), grad_out, grad)
            if prompts is None:
                grad.query[block.prompt_query].zero_()
            else:
                _back_prompts(block, heads, prompts, grad_out, grad)
        packed = joined.index_select(0, packing.back).view(-1, own.kv_heads, own.repeat + 2, own.head_dim)
        rotate(packed[:, :, : own.repeat + 1], own.turns_back)
        flat = packed.view(len(normed), -1)
        needs = ctx.needs_input_grad
        return (
            flat @ weight if needs[0] else None,
            flat.t() @ normed if needs[1] else None,
            flat.sum(dim=0) if ctx.biased and needs[2] else None,
            None,
            None,
        )


class _Heads(NamedTuple):
    """Rows of D numbers in the order of ``packing``: queries, keys, values, or their gradients."""

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor


def _gather_grad(rows: torch.Tensor, own: _Context, last: bool, query: torch.Tensor) -> torch.Tensor:
    """The gradient of attention's output in the order of queries; zero where a query only pads."""
    packing = own.packing
    if last:
        start = packing.blocks[0].own_query.start
        skipped = packing.num_prompt_tokens * own.kv_heads * own.repeat
        grad_out = torch.empty_like(query)
        torch.index_select(rows, 0, packing.take_out[start:] - skipped, out=grad_out[start:])
    else:
        grad_out = rows.index_select(0, packing.take_out)
    return grad_out.index_fill_(0, packing.idle, 0.0) if len(packing.idle) else grad_out


def _attend_prompts(block: Block, heads: _Heads, out: torch.Tensor) -> torch.Tensor:
    """Causal attention inside prompts, written to ``out``; returns its weights (B * Hkv, R * P, P)."""
    query, key, value = (_by_prompt(block, own) for own in _prompt_parts(block, heads))
    weights = torch.softmax(torch.baddbmm(block.prompt_causal, query, key.transpose(1, 2)), dim=-1)
    torch.bmm(weights, value, out=_by_prompt(block, out[block.prompt_query]))
    return weights


def _attend_own(block: Block, heads: _Heads, out: torch.Tensor) -> torch.Tensor:
    """Completions to their prompt and to themselves, written to ``out``; weights (B * Hkv * G, R * T, P + T)."""
    width = block.prompt_width
    query, key, value = (_by_row(block, own) for own in _own_parts(block, heads))
    _, prompt_key, prompt_value = (_by_prompt(block, own) for own in _prompt_parts(block, heads))
    to_prompt = torch.baddbmm(
        block.prompt_mask, _by_prompt(block, heads.query[block.own_query]), prompt_key.transpose(1, 2)
    )
    to_own = torch.baddbmm(block.own_causal, query, key.transpose(1, 2))
    weights = torch.softmax(torch.cat([to_prompt.view(*to_own.shape[:2], width), to_own], dim=-1), dim=-1)
    torch.bmm(weights[:, :, width:], value, out=_by_row(block, out[block.own_query]))
    _by_prompt(block, out[block.own_query]).baddbmm_(_weights_by_prompt(block, weights), prompt_value)
    return weights


def _back_prompts(block: Block, heads: _Heads, weights: torch.Tensor, grad_out: torch.Tensor, grad: _Heads) -> None:
    """Gradients of ``_attend_prompts``; those of keys and values are added to what is there."""
    query, key, value = (_by_prompt(block, own) for own in _prompt_parts(block, heads))
    grad_query, grad_key, grad_value = (_by_prompt(block, own) for own in _prompt_parts(block, grad))
    grad_rows = _by_prompt(block, grad_out[block.prompt_query])
    grad_value.baddbmm_(weights.transpose(1, 2), grad_rows)
    scores = _softmax_backward(torch.bmm(grad_rows, value.transpose(1, 2)), weights)
    torch.bmm(scores, key, out=grad_query)
    grad_key.baddbmm_(scores.transpose(1, 2), query)


def _back_own(block: Block, heads: _Heads, weights: torch.Tensor, grad_out: torch.Tensor, grad: _Heads) -> None:
    """Gradients of ``_attend_own``, all written, prompts' keys and values included."""
    width = block.prompt_width
    query, key, value = (_by_row(block, own) for own in _own_parts(block, heads))
    _, prompt_key, prompt_value = (_by_prompt(block, own) for own in _prompt_parts(block, heads))
    grad_query, grad_key, grad_value = (_by_row(block, own) for own in _own_parts(block, grad))
    _, grad_prompt_key, grad_prompt_value = (_by_prompt(block, own) for own in _prompt_parts(block, grad))
    rows, rows_by_prompt = (view(block, grad_out[block.own_query]) for view in (_by_row, _by_prompt))
    torch.bmm(weights[:, :, width:].transpose(1, 2), rows, out=grad_value)
    torch.bmm(_weights_by_prompt(block, weights).transpose(1, 2), rows_by_prompt, out=grad_prompt_value)
    to_prompt = torch.bmm(rows_by_prompt, prompt_value.transpose(1, 2)).view(*weights.shape[:2], width)
    grad_weights = torch.cat([to_prompt, torch.bmm(rows, value.transpose(1, 2))], dim=-1)
    scores = _softmax_backward(grad_weights, weights)
    scores_prompt, scores_own = _weights_by_prompt(block, scores), scores[:, :, width:]
    torch.bmm(scores_own, key, out=grad_query)
    _by_prompt(block, grad.query[block.own_query]).baddbmm_(scores_prompt, prompt_key)
    torch.bmm(scores_own.transpose(1, 2), query, out=grad_key)
    torch.bmm(scores_prompt.transpose(1, 2), _by_prompt(block, heads.query[block.own_query]), out=grad_prompt_key)


def _prompt_parts(block: Block, heads: _Heads) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    keys = block.prompt_keys
    return heads.query[block.prompt_query], heads.key[keys], heads.value[keys]


def _own_parts(block: Block, heads: _Heads) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    keys = block.own_keys
    return heads.query[block.own_query], heads.key[keys], heads.value[keys]


def _by_prompt(block: Block, rows: torch.Tensor) -> torch.Tensor:
    """(B * Hkv, everything of that prompt, D)."""
    return rows.view(len(block.prompt_mask), -1, rows.shape[1])


def _by_row(block: Block, rows: torch.Tensor) -> torch.Tensor:
    """(B * Hkv * G, everything of that completion, D)."""
    return rows.view(len(block.prompt_mask) * block.rows, -1, rows.shape[1])


def _weights_by_prompt(block: Block, weights: torch.Tensor) -> torch.Tensor:
    """The part of (B * Hkv * G, R * T, P + T) that looks at prompts, as (B * Hkv, G * R * T, P)."""
    return weights.view(len(block.prompt_mask), -1, weights.shape[-1])[:, :, : block.prompt_width]


def _softmax_backward(grad: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = torch.ops.aten._softmax_backward_data(grad, weights, -1, weights.dtype)
    return result
