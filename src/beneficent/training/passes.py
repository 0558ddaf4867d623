"""The gradient of a batch, and log-probabilities of completions, in passes of bounded size.

``loss_route`` says which way a model takes: ``shared prefix`` runs each prompt once for its group (``prefix``), where
the architecture is known and agrees with ``model.forward`` on the model itself; every other model takes the plain path,
one row per completion through ``model.forward``.
"""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from beneficent.policy.decoder import Route, evaluating
from beneficent.policy.llama import why_not_llama
from beneficent.training.loss import (
    LossGroup,
    LossRow,
    Objective,
    Signal,
    head_logprobs,
    head_loss,
    token_losses,
)
from beneficent.training.prefix import PrefixLlama

SHARED_PREFIX = "shared prefix"
PARITY_TOLERANCE = {torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 5e-2}
"""Allowed difference of log-probabilities in nats, per unit of the largest one (at least 10), by number format."""

Places = list[tuple[int, list[int]]]
"""Which rows of which groups stand in a pass: (group, rows) pairs."""


def loss_route(model: nn.Module) -> Route:
    """Which path the loss of ``model`` takes, and why."""
    if type(model).__name__ != "LlamaForCausalLM":
        return Route("plain", f"no shared-prefix loss for {type(model).__name__}")
    reason = why_not_llama(model)
    if reason is not None:
        return Route("plain", reason)
    error = _parity_error(model)
    if not error <= PARITY_TOLERANCE[next(model.parameters()).dtype]:
        return Route("plain", f"the shared-prefix loss differs from model.forward by {error:.1e} (relative)")
    return Route(SHARED_PREFIX, f"agrees with model.forward to {error:.1e} (relative)")


def batch_gradient(
    model: nn.Module, route: Route, groups: Sequence[LossGroup], objective: Objective, tokens_per_pass: int
) -> float:
    """Add the gradient of the loss over ``groups`` to the parameters' and return the loss."""
    device = next(model.parameters()).device
    total = torch.zeros((), device=device)
    with evaluating(model), torch.enable_grad():
        engine = PrefixLlama(model) if route.name == SHARED_PREFIX else None
        for places in _passes(groups, tokens_per_pass):
            part = _part(groups, places)
            signal = Signal.of(part, device)
            if engine is not None:
                hidden, targets = engine(part)
                loss = head_loss(hidden, engine.head, targets, signal, objective)
            else:
                loss = token_losses(_plain_logprobs(model, part), signal, objective).sum() / objective.constant
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        if engine is not None:
            engine.finish()
    return float(total)


def batch_logprobs(
    model: nn.Module, route: Route, groups: Sequence[LossGroup], tokens_per_pass: int
) -> list[list[tuple[float, ...]]]:
    """Log-probabilities in nats of every row's tokens, by group and row; nothing is differentiated."""
    found: list[list[tuple[float, ...]]] = [[() for _ in group.rows] for group in groups]
    with evaluating(model), torch.no_grad():
        engine = PrefixLlama(model) if route.name == SHARED_PREFIX else None
        for places in _passes(groups, tokens_per_pass):
            part = _part(groups, places)
            if engine is not None:
                hidden, targets = engine(part)
                values = head_logprobs(hidden, engine.head, targets)
            else:
                values = _plain_logprobs(model, part)
            _hand_out(values.tolist(), places, groups, found)
    return found


def _hand_out(
    values: list[float], places: Places, groups: Sequence[LossGroup], found: list[list[tuple[float, ...]]]
) -> None:
    at = 0
    for group, rows in places:
        for row in rows:
            length = len(groups[group].rows[row].token_ids)
            found[group][row] = tuple(values[at : at + length])
            at += length


def _part(groups: Sequence[LossGroup], places: Places) -> list[LossGroup]:
    return [LossGroup(groups[group].prompt, tuple(groups[group].rows[row] for row in rows)) for group, rows in places]


def _passes(groups: Sequence[LossGroup], tokens_per_pass: int) -> Iterator[Places]:
    """Cut the batch into passes of at most ``tokens_per_pass`` tokens (a single row may exceed it).

    Groups of similar length go together, and a group too large for one pass is cut, its prompt run again.
    """
    longest = [max((len(row.token_ids) for row in group.rows), default=0) for group in groups]
    places: Places = []
    tokens = 0
    for index in sorted(range(len(groups)), key=lambda index: (longest[index], index)):
        group = groups[index]
        for row, own in enumerate(group.rows):
            opens = not places or places[-1][0] != index
            cost = len(own.token_ids) + (len(group.prompt) if opens else 0)
            if places and tokens + cost > tokens_per_pass:
                yield places
                places, tokens, opens, cost = [], 0, True, len(own.token_ids) + len(group.prompt)
            if opens:
                places.append((index, []))
            places[-1][1].append(row)
            tokens += cost
    if places:
        yield places


def _plain_logprobs(model: Any, groups: Sequence[LossGroup]) -> torch.Tensor:
    """Log-probabilities (tokens,) of all rows' tokens through ``model.forward``, one right-padded row a completion."""
    device = next(model.parameters()).device
    rows = [(group.prompt, row.token_ids) for group in groups for row in group.rows]
    width = max(len(prompt) + len(own) for prompt, own in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    places: list[int] = []
    for index, (prompt, own) in enumerate(rows):
        length = len(prompt) + len(own)
        ids[index, :length] = torch.tensor([*prompt, *own])
        mask[index, :length] = 1
        places += range(index * width + len(prompt) - 1, index * width + length - 1)
    arguments = {"input_ids": ids.to(device), "attention_mask": mask.to(device), "use_cache": False}
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    accepted = inspect.signature(base.forward).parameters
    logits = model(**{name: value for name, value in arguments.items() if name in accepted}).logits
    at = torch.tensor(places, device=device)
    targets = torch.tensor([token for _, own in rows for token in own], device=device)
    chosen = logits.flatten(0, 1).index_select(0, at).float()
    logprobs: torch.Tensor = torch.log_softmax(chosen, dim=-1).gather(1, targets[:, None]).squeeze(1)
    return logprobs


def _parity_error(model: Any) -> float:
    """Largest difference of log-probabilities between both paths over max(10, largest one); NaN if either is."""
    generator = torch.Generator().manual_seed(0)

    def draw(length: int) -> tuple[int, ...]:
        return tuple(torch.randint(model.config.vocab_size, (length,), generator=generator).tolist())

    shapes = ((11, (5, 2, 7)), (1, (3,)), (6, (4, 1)))
    groups = [LossGroup(draw(prompt), tuple(LossRow(draw(own), 0.0) for own in lengths)) for prompt, lengths in shapes]
    both = []
    for name in (SHARED_PREFIX, "plain"):
        rows = batch_logprobs(model, Route(name, ""), groups, 10**9)
        both.append(torch.tensor([value for group in rows for row in group for value in row]))
    error = (both[0] - both[1]).abs().max() / both[1].abs().max().clamp_min(10.0)
    return float(error)
