"""Floating-point operations of a forward pass, by formula, for the ledger.

One token through the model costs ``2 * body + 4 * layers * width * context``: two operations per weight of a matrix
product (``body``: all parameters but the embedding and the output head), and for attention two products, queries
with keys and weights with values, over the ``context`` tokens it attends to, of ``width`` = heads * head size. A
position whose logits are needed costs ``2 * head`` more, ``head`` = vocabulary * hidden size. Kaplan et al.,
"Scaling Laws for Neural Language Models", 2020, section 2.1, count the same way. What a decoder saves by leaving work
out (the last layer at prompt positions) is not deducted, so the count does not depend on the path taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What the formula needs: weights of the body and of the output head, layers, attention width."""

    body: int
    head: int
    layers: int
    width: int

    def forward_flops(self, num_tokens: int, num_logits: int, attended: int) -> float:
        """Operations for ``num_tokens`` positions, ``num_logits`` of them through the head.

        ``attended`` is the sum over positions of the tokens each attends to, itself included.
        """
        return 2.0 * self.body * num_tokens + 2.0 * self.head * num_logits + 4.0 * self.layers * self.width * attended


def model_size(model: nn.Module) -> ModelSize:
    """Read the sizes off a Hugging Face model; with experts, all of them are counted."""
    owner: Any = model
    config = owner.config.get_text_config()
    heads = config.num_attention_heads if hasattr(config, "num_attention_heads") else 0
    head_dim = getattr(config, "head_dim", None) or (config.hidden_size // heads if heads else 0)
    tables = {id(table.weight): table.weight for table in (owner.get_input_embeddings(), owner.get_output_embeddings())}
    total = sum(parameter.numel() for parameter in model.parameters())
    return ModelSize(
        body=total - sum(table.numel() for table in tables.values()),
        head=owner.get_output_embeddings().weight.numel(),
        layers=config.num_hidden_layers,
        width=heads * head_dim,
    )


def cache_bytes_per_token(model: nn.Module) -> int:
    """Bytes that the keys and values of one token take in all layers; at least 1."""
    owner: Any = model
    config = owner.config.get_text_config()
    heads = getattr(config, "num_attention_heads", 0)
    head_dim = getattr(config, "head_dim", None) or (config.hidden_size // heads if heads else 0)
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    size = next(model.parameters()).element_size()
    return max(1, 2 * int(config.num_hidden_layers) * int(kv_heads) * int(head_dim) * size)


def sampling_flops(size: ModelSize, prompt_length: int, sampled_lengths: Sequence[int]) -> float:
    """Operations to prefill one prompt once and sample continuations of these lengths from it.

    A continuation of n tokens takes its first from the prompt's logits and runs n - 1 tokens through the model.
    """
    steps = [max(0, length - 1) for length in sampled_lengths]
    attended = prompt_length * (prompt_length + 1) // 2
    attended += sum(count * prompt_length + count * (count + 1) // 2 for count in steps)
    return size.forward_flops(prompt_length + sum(steps), 1 + sum(steps), attended)
