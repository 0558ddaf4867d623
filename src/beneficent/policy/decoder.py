"""Which decoder samples from a model, and the plain one that works for every Hugging Face causal LM.

``decoder_for`` looks the architecture up in ``SPECIALISED`` and then compares the specialised decoder with
``model.forward`` on the model itself; whatever is not in the table, or does not agree, takes the plain path and says
why.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from beneficent.policy.llama import LlamaDecoder, why_not_llama

PARITY_TOLERANCE = 1e-5
"""Allowed difference of log-probabilities in nats, float32, per unit of the largest log-probability (at least 10)."""


class Decoder(Protocol):
    """Turns prompts into next-token logits, one position at a time. Rows are prompt-major: prompt 0's samples first."""

    pads: bool
    """Whether one call may hold prompts of different lengths."""

    def prefill(self, prompts: Sequence[Sequence[int]], num_samples: int, max_new_tokens: int) -> torch.Tensor:
        """Run each prompt once; next-token logits (len(prompts) * num_samples, vocabulary)."""
        ...

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token to every row (rows,) and return the next logits (rows, vocabulary)."""
        ...

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but these (kept,), given as ascending indices into the current rows."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """Which decoder a model takes and why: ``Route("plain", "no specialised decoder for Qwen3ForCausalLM")``."""

    name: str
    reason: str


SPECIALISED: dict[str, tuple[Callable[[Any], Decoder], Callable[[Any], str | None]]] = {
    "LlamaForCausalLM": (LlamaDecoder, why_not_llama),
}
"""Class name of the model -> (decoder, why a configuration of it is not covered)."""


def decoder_for(model: nn.Module) -> Route:
    """Find the decoder of ``model``: by the table, then by a parity check against ``model.forward``."""
    architecture = type(model).__name__
    if architecture not in SPECIALISED:
        return Route("plain", f"no specialised decoder for {architecture}")
    build, why_not = SPECIALISED[architecture]
    reason = why_not(model)
    if reason is not None:
        return Route("plain", reason)
    with torch.inference_mode(), evaluating(model):
        error = parity_error(model, build(model))
    if not error <= PARITY_TOLERANCE:
        return Route("plain", f"the {architecture} decoder differs from model.forward by {error:.1e} (relative)")
    return Route(architecture, f"agrees with model.forward to {error:.1e} (relative)")


def build_decoder(model: nn.Module, route: Route) -> Decoder:
    """The decoder of ``route`` over the model's present weights; the plain one if the model has changed its shape."""
    if route.name == "plain":
        return PlainDecoder(model)
    build, why_not = SPECIALISED[route.name]
    return build(model) if why_not(model) is None else PlainDecoder(model)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode (no dropout) inside the block, whatever it was restored after."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def parity_error(model: Any, decoder: Decoder, num_steps: int = 3) -> float:
    """Largest difference of log-probabilities between ``decoder`` and ``model.forward``, over max(10, largest one).

    Two prompts of unequal length, two samples each, ``num_steps`` tokens, one row dropped on the way; NaN if either is.
    """
    generator = torch.Generator().manual_seed(0)
    vocabulary, device = model.config.vocab_size, next(model.parameters()).device
    prompts = [torch.randint(vocabulary, (length,), generator=generator).tolist() for length in (11, 6)]
    rows = [list(prompt) for prompt in prompts for _ in range(2)]
    logits = decoder.prefill(prompts, 2, num_steps + 1)
    worst = 0.0
    for step in range(num_steps + 1):
        mine = torch.log_softmax(logits.float(), dim=-1)
        for row, ids in enumerate(rows):
            reference = model(torch.tensor([ids], device=device)).logits[0, -1].float().log_softmax(dim=-1)
            scale = max(10.0, float(reference.abs().max()))
            error = float((mine[row] - reference).abs().max()) / scale
            worst = error if error != error else max(worst, error)
        if step == num_steps:
            break
        if step == 1:
            rows.pop(1)
            decoder.keep(torch.tensor([0, 2, 3], device=device))
        tokens = torch.randint(vocabulary, (len(rows),), generator=generator)
        for ids, token in zip(rows, tokens.tolist(), strict=True):
            ids.append(token)
        logits = decoder.step(tokens.to(device))
    return worst


class PlainDecoder:
    """``model.forward`` with the model's own cache: prompts prefilled once, left-padded, then expanded to samples.

    A model that carries a recurrent state is never padded; one that keeps no cache is run over the whole text again.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._accepts = set(inspect.signature(base.forward).parameters)
        self._cache_name = "cache_params" if "cache_params" in self._accepts else "past_key_values"
        self.pads = not getattr(base, "_is_stateful", False)
        self._cache: Any = None
        self._ids = self._mask = torch.empty(0)

    def prefill(self, prompts: Sequence[Sequence[int]], num_samples: int, max_new_tokens: int) -> torch.Tensor:
        """See ``Decoder.prefill``."""
        device = next(self._model.parameters()).device
        width = max(map(len, prompts))
        self._ids = torch.tensor([[0] * (width - len(ids)) + list(ids) for ids in prompts], device=device)
        self._mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device)
        self._cache = None
        logits = self._forward(self._ids)
        rows = torch.arange(len(prompts), device=device).repeat_interleave(num_samples)
        self.keep(rows)
        return logits[rows]

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """See ``Decoder.step``."""
        self._ids = torch.cat([self._ids, tokens[:, None]], dim=1)
        self._mask = torch.cat([self._mask, torch.ones_like(self._mask[:, :1])], dim=1)
        return self._forward(self._ids if self._cache is None else tokens[:, None])

    def keep(self, rows: torch.Tensor) -> None:
        """See ``Decoder.keep``."""
        self._ids, self._mask = self._ids[rows], self._mask[rows]
        if self._cache is not None:
            self._cache.reorder_cache(rows)

    def _forward(self, ids: torch.Tensor) -> torch.Tensor:
        positions = (self._mask.cumsum(dim=1) - 1).clamp_(min=0)[:, -ids.shape[1] :]
        optional = {"position_ids": positions, "logits_to_keep": 1, self._cache_name: self._cache}
        if self.pads:
            optional["attention_mask"] = self._mask
        arguments = {name: value for name, value in optional.items() if name in self._accepts}
        output = self._model(input_ids=ids, use_cache=True, **arguments)
        self._cache = getattr(output, self._cache_name, None)
        logits: torch.Tensor = output.logits[:, -1]
        return logits
