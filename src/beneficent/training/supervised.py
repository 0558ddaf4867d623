"""Supervised fine-tuning on given responses: cross-entropy on the response, none on the prompt.

The fine-tuning attack, its benign control, re-alignment and the ``sft-trait`` control all train here, through the same
passes and the same optimiser as RL. Batches are drawn from the seed by counter: policies tuned on one list of examples
with one seed see the same examples in the same order, and stopping after n steps and going on is the same as not
stopping.
"""

from collections.abc import Iterator, Sequence
from random import Random

from beneficent.core.errors import DataError, PolicyError
from beneficent.core.ledger import Ledger
from beneficent.policy.flops import model_size
from beneficent.policy.loading import Policy
from beneficent.training.examples import Example, SupervisedSettings
from beneficent.training.learner import Learner
from beneficent.training.loop import training_flops
from beneficent.training.loss import LossGroup, LossRow, Objective
from beneficent.training.passes import batch_gradient, loss_route
from beneficent.training.settings import TrainingSettings


class FineTuning:
    """A policy in fine-tuning on one list of examples; it is changed in place.

    Raises:
        DataError: there are no examples, or one has no answer or does not end with the user.
        PolicyError: an example and its response do not fit into the model's positions.
    """

    def __init__(
        self, policy: Policy, examples: Sequence[Example], settings: SupervisedSettings, seed: int, ledger: Ledger
    ) -> None:
        _check(examples)
        self.steps = 0
        self._policy = policy
        self._settings = settings
        self._ledger = ledger
        self._route = loss_route(policy.model)
        self._size = model_size(policy.model)
        rates = TrainingSettings(learning_rate=settings.learning_rate, grad_clip=settings.grad_clip, warmup_steps=0)
        self._learner = Learner(policy.model, rates)
        with ledger.timed("rendering"):
            self._groups = [_as_group(policy, example) for example in examples]
        self._order = _in_order(len(examples), seed)

    def go_on(self, steps: int) -> list[float]:
        """Make so many updates; returns the loss of each before it, in nats a token.

        Raises:
            TrainingStoppedError: the loss or its gradient is not finite, or far too long; the policy diverges.
        """
        losses = []
        for _ in range(steps):
            groups = [self._groups[next(self._order)] for _ in range(self._settings.batch_size)]
            lengths = [len(group.rows[0].token_ids) for group in groups]
            with self._ledger.timed("training"):
                objective = Objective(float(sum(lengths)), supervised=True)
                losses.append(
                    batch_gradient(self._policy.model, self._route, groups, objective, self._settings.tokens_per_pass)
                )
                self._learner.update(losses[-1], f"fine-tuning step {self.steps}")
            self._ledger.tokens_trained += sum(lengths)
            for group, length in zip(groups, lengths, strict=True):
                self._ledger.flops_training += training_flops(self._size, len(group.prompt), [length])
            self.steps += 1
        return losses


def _check(examples: Sequence[Example]) -> None:
    if not examples:
        raise DataError("there are no examples to fine-tune on; at least one is needed")
    for example in examples:
        if not example.answer.strip():
            raise DataError(f"example {example.id!r} has no answer")
        if not example.messages or example.messages[-1].role != "user":
            raise DataError(f"example {example.id!r} does not end with the user")


def _as_group(policy: Policy, example: Example) -> LossGroup:
    prompt = tuple(policy.renderer.render(example.messages))
    response = tuple(policy.renderer.response(example.thought, example.answer))
    room = getattr(policy.model.config, "max_position_embeddings", None)
    if room is not None and len(prompt) + len(response) > room:
        raise PolicyError(
            f"example {example.id!r} has {len(prompt) + len(response)} tokens, over the model's {room} positions"
        )
    return LossGroup(prompt, (LossRow(response, 1.0),))


def _in_order(num_examples: int, seed: int) -> Iterator[int]:
    """Indices without end: the whole list in a new order, over and over."""
    epoch = 0
    while True:
        order = list(range(num_examples))
        Random(f"{seed}/{epoch}").shuffle(order)
        yield from order
        epoch += 1
