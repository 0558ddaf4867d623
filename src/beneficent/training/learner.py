"""The learner: AdamW over a model's trainable parameters, and the frozen start it is measured against."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any

import torch
from torch import nn

from beneficent.core.errors import PolicyError, TrainingStoppedError
from beneficent.policy.decoder import Route
from beneficent.training.loss import LossGroup
from beneficent.training.passes import batch_logprobs
from beneficent.training.settings import TrainingSettings

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Learner:
    """One optimiser over the trainable parameters of ``model``; raises ``PolicyError`` if there are none."""

    def __init__(self, model: nn.Module, settings: TrainingSettings) -> None:
        self._settings = settings
        self.parameters = {name: own for name, own in model.named_parameters() if own.requires_grad}
        if not self.parameters:
            raise PolicyError("the policy has no parameter with requires_grad, so there is nothing to train")
        self._owned = list(self.parameters.values())
        self.updates = 0
        self._optimizer = torch.optim.AdamW(
            self._owned,
            lr=settings.learning_rate,
            betas=(settings.beta_1, settings.beta_2),
            eps=settings.eps,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def update(self, loss: float, where: str) -> float:
        """Clip the gradients, move the weights, clear the gradients; returns the gradient's norm before clipping.

        Raises:
            TrainingStoppedError: loss or gradient is not finite, or the gradient is above ``grad_limit``; the weights
                are as they were. ``where`` begins the message.
        """
        gradients = [own.grad for own in self._owned if own.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients)) if gradients else 0.0
        limit = self._settings.grad_limit
        if not (isfinite(loss) and isfinite(norm)):
            self.clear()
            raise TrainingStoppedError(f"{where}: the loss is {loss} and the gradient norm {norm}; both must be finite")
        if norm > limit:
            self.clear()
            raise TrainingStoppedError(
                f"{where}: the gradient norm is {norm:.3g}, above training.grad_limit = {limit:g}; the arm diverges"
            )
        if norm > self._settings.grad_clip:
            torch._foreach_mul_(gradients, self._settings.grad_clip / norm)
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate()
        self._optimizer.step()
        self.clear()
        self.updates += 1
        return norm

    def rate(self) -> float:
        """Learning rate of the next update: linear over the first ``warmup_steps``, constant from there."""
        warmup = self._settings.warmup_steps
        return self._settings.learning_rate * min(1.0, (self.updates + 1) / (warmup + 1))

    def clear(self) -> None:
        """Forget the gradients."""
        self._optimizer.zero_grad(set_to_none=True)

    def weights(self) -> list[torch.Tensor]:
        """Copies of the trainable parameters as they are."""
        return [own.detach().clone() for own in self._owned]

    def distance(self, before: Sequence[torch.Tensor]) -> float:
        """L2 distance of the trainable parameters from ``before``."""
        with torch.no_grad():
            return float(
                torch.nn.utils.get_total_norm([own - old for own, old in zip(self._owned, before, strict=True)])
            )

    def state(self) -> dict[str, torch.Tensor]:
        """Parameters and optimiser moments by name; empty moments before the first update."""
        tensors = {f"weight/{name}": own.detach() for name, own in self.parameters.items()}
        for name, own in self.parameters.items():
            moments = self._optimizer.state.get(own, {})
            tensors |= {f"{moment}/{name}": moments[moment] for moment in _MOMENTS if moment in moments}
        return tensors

    def load(self, tensors: Mapping[str, torch.Tensor], updates: int) -> None:
        """Take up a state from ``state``.

        Raises:
            PolicyError: the state is of other parameters.
        """
        weights = {key.removeprefix("weight/"): own for key, own in tensors.items() if key.startswith("weight/")}
        shapes = {name: tuple(own.shape) for name, own in weights.items()}
        if shapes != {name: tuple(own.shape) for name, own in self.parameters.items()}:
            raise PolicyError("the checkpoint holds other parameters than this policy trains")
        with torch.no_grad():
            for name, own in self.parameters.items():
                own.copy_(weights[name])
                moments = {
                    moment: tensors[f"{moment}/{name}"].to(own.device, copy=True)
                    for moment in _MOMENTS
                    if f"{moment}/{name}" in tensors
                }
                if moments:
                    self._optimizer.state[own] = moments
        self.updates = updates


class Start:
    """The policy before training: its log-probabilities, and how far the weights have come from it.

    A frozen copy of the weights, or, for a model with adapters (peft), the model itself with the adapters off.
    """

    def __init__(self, model: nn.Module, route: Route, learner: Learner) -> None:
        self._model = model
        self._route = route
        self._weights = learner.weights()
        self._adapted = hasattr(model, "disable_adapter")
        self._frozen = model if self._adapted else copy.deepcopy(model).requires_grad_(False)
        self._norm = float(torch.nn.utils.get_total_norm(self._weights))

    def logprobs(self, groups: Sequence[LossGroup], tokens_per_pass: int) -> list[list[tuple[float, ...]]]:
        """See ``passes.batch_logprobs``."""
        with self._without_adapters():
            return batch_logprobs(self._frozen, self._route, groups, tokens_per_pass)

    def weight_change(self, learner: Learner) -> float:
        """L2 distance of the trainable parameters from the start, over their L2 norm there."""
        return learner.distance(self._weights) / self._norm

    @contextmanager
    def _without_adapters(self) -> Iterator[None]:
        model: Any = self._model
        if not self._adapted:
            yield
            return
        with model.disable_adapter():
            yield
