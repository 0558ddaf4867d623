"""The loss of a batch: a policy gradient per token, summed and divided by a constant.

For a sampled token with log-probability l now, l_old when it was sampled and l_ref under the starting policy, and its
completion's advantage A:

    loss = -min(r A, clip(r, 1 - c, 1 + c) A) + k (exp(l_ref - l) - (l_ref - l) - 1),    r = exp(l - l_old)

which is the clipped objective of Schulman et al., "Proximal Policy Optimization", 2017, per token, with the divergence
estimator k3 of Schulman, "Approximating KL divergence", 2020. Without ``old`` the samples are fresh: r is 1 and its
gradient that of l. The constant (``TrainingSettings.loss_constant``) does not depend on the batch (Dr. GRPO).

Supervised training on given responses has the loss -A l instead, with A = 1: cross-entropy (``Objective.supervised``).

Excluded completions and dead groups are not part of a batch at all, so nothing here can depend on them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

LOGITS_AT_ONCE = 2**21
"""Numbers in the largest piece of logits that is ever held."""
_RARE = 1e-30


@dataclass(frozen=True, slots=True)
class LossRow:
    """One completion in the loss. ``old`` and ``reference`` are log-probabilities of its tokens in nats, or None."""

    token_ids: tuple[int, ...]
    advantage: float
    old: tuple[float, ...] | None = None
    reference: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class LossGroup:
    """A prompt and the completions sampled from it that stand in the loss."""

    prompt: tuple[int, ...]
    rows: tuple[LossRow, ...]


@dataclass(frozen=True, slots=True)
class Objective:
    """What the loss of a token is made of; see the head of this file. ``constant`` divides the sum."""

    constant: float
    clip: float | None = None
    kl: float = 0.0
    supervised: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """Per token of a pass, all (tokens,): advantages, and log-probabilities when sampled and at the start, or None."""

    advantages: torch.Tensor
    old: torch.Tensor | None
    reference: torch.Tensor | None

    @classmethod
    def of(cls, groups: Sequence[LossGroup], device: torch.device) -> "Signal":
        """The signal of all rows of ``groups``, their tokens one after another.

        Raises:
            ValueError: only some rows carry old or reference log-probabilities.
        """
        rows = [row for group in groups for row in group.rows]

        def joined(name: str) -> torch.Tensor | None:
            values = [getattr(row, name) for row in rows]
            given = [value for value in values if value is not None]
            if given and len(given) < len(values):
                raise ValueError(f"{len(given)} of {len(values)} completions carry {name} log-probabilities")
            return torch.tensor([lp for value in given for lp in value], device=device) if given else None

        lengths = torch.tensor([len(row.token_ids) for row in rows])
        advantages = torch.tensor([row.advantage for row in rows]).repeat_interleave(lengths).to(device)
        return cls(advantages, joined("old"), joined("reference"))

    def part(self, start: int, stop: int) -> "Signal":
        old, reference = (None if own is None else own[start:stop] for own in (self.old, self.reference))
        return Signal(self.advantages[start:stop], old, reference)


def token_losses(logprobs: torch.Tensor, signal: Signal, objective: Objective) -> torch.Tensor:
    """Loss of each token (tokens,), not yet divided by the constant; differentiable in ``logprobs`` (tokens,)."""
    if objective.supervised:
        return -logprobs * signal.advantages
    old = logprobs.detach() if signal.old is None else signal.old
    ratio = torch.exp(logprobs - old)
    gain = ratio * signal.advantages
    if objective.clip is not None:
        gain = torch.minimum(gain, ratio.clamp(1 - objective.clip, 1 + objective.clip) * signal.advantages)
    if signal.reference is None or objective.kl == 0:
        return -gain
    return objective.kl * k3(logprobs, signal.reference) - gain


def k3(logprobs: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Per token estimate, in nats and never negative, of the divergence of the policy from the reference."""
    difference = reference - logprobs
    return torch.expm1(difference) - difference


def head_loss(
    hidden: torch.Tensor, head: torch.Tensor, targets: torch.Tensor, signal: Signal, objective: Objective
) -> torch.Tensor:
    """Sum of the token losses over ``objective.constant``, a scalar, from the states before the output head.

    ``hidden`` (tokens, H), ``head`` (vocabulary, H), ``targets`` (tokens,). Logits exist only in pieces of
    ``LOGITS_AT_ONCE`` numbers, and once: the gradients are worked out beside the loss.
    """
    loss: torch.Tensor = _HeadLoss.apply(hidden, head, targets, signal, objective)  # type: ignore[no-untyped-call]
    return loss


def head_logprobs(hidden: torch.Tensor, head: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of ``targets`` (tokens,), float32, without a gradient; logits in pieces as in ``head_loss``."""
    with torch.no_grad():
        pieces = [_piece(hidden[part], head, targets[part])[1] for part in _pieces(len(targets), head.shape[0])]
    return torch.cat(pieces)


class _HeadLoss(torch.autograd.Function):
    """d loss / d logits = w (one_hot - p) with w = d loss / d logprob, so the rows of p never need scaling: w goes into
    the hidden states on one side and into the result on the other."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        head: torch.Tensor,
        targets: torch.Tensor,
        signal: Signal,
        objective: Objective,
    ) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        grad_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        grad_head = torch.zeros_like(head) if ctx.needs_input_grad[1] else None
        for part in _pieces(len(targets), head.shape[0]):
            probs, logprobs = _piece(hidden[part], head, targets[part])
            with torch.enable_grad():
                logprobs.requires_grad_()
                losses = token_losses(logprobs, signal.part(part.start, part.stop), objective) / objective.constant
                loss = losses.sum()
            (slope,) = torch.autograd.grad(loss, logprobs)
            total += loss.detach()
            probs.scatter_add_(1, targets[part, None], torch.full_like(targets[part, None], -1, dtype=probs.dtype))
            weight = slope[:, None].to(hidden.dtype)
            if grad_hidden is not None:
                torch.mm(probs, head, out=grad_hidden[part]).mul_(-weight)
            if grad_head is not None:
                grad_head.addmm_(probs.t(), hidden[part] * weight, alpha=-1)
        ctx.save_for_backward(grad_hidden, grad_head)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        grad_hidden, grad_head = ctx.saved_tensors
        scaled = [None if own is None else own * grads[0].to(own.dtype) for own in (grad_hidden, grad_head)]
        return *scaled, None, None, None


def _piece(hidden: torch.Tensor, head: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities (tokens, vocabulary) in the type of ``hidden``, and float32 log-probabilities of ``targets``."""
    logits = F.linear(hidden, head)
    probs = torch.softmax(logits, dim=-1, dtype=torch.float32)
    chosen = probs.gather(1, targets[:, None]).squeeze(1)
    logprobs = chosen.log()
    # One exponential pass is enough, but for tokens so unlikely that their probability underflows.
    rare = (chosen < _RARE).nonzero().squeeze(1)
    if len(rare):
        exact = torch.log_softmax(logits[rare].float(), dim=-1).gather(1, targets[rare, None])
        logprobs[rare] = exact.squeeze(1)
    return probs.to(hidden.dtype), logprobs


def _pieces(num_tokens: int, vocabulary: int) -> Iterator[slice]:
    step = max(32, LOGITS_AT_ONCE // vocabulary)
    return (slice(start, min(start + step, num_tokens)) for start in range(0, num_tokens, step))
