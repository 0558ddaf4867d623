"""Tiny random models and tokenizers, built in memory."""

from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from beneficent.policy.loading import Policy
from beneficent.policy.rendering import Renderer, Thinking

SPECIALS = ["<pad>", "<unk>", "<bos>", "<end>", "<system>", "<user>", "<assistant>", "<think>", "<say>"]
WORDS = ["is", "the", "claim", "proven", "?", "you", "are", "careful", ".", "it", "safe", "no", "sure", "yes", "hello"]
MARKS = Thinking("<think>", "<say>")
TEMPLATE = (
    "{{ '<bos>' }}{% for m in messages %}{{ ' <' + m['role'] + '> ' + m['content'] + ' <end>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ ' <assistant>' }}{% endif %}"
)


def word_tokenizer(template: str | None = TEMPLATE, extra: int = 0) -> PreTrainedTokenizerFast:
    """A word-level tokenizer like the lab's: texts are words separated by spaces, marks are single special tokens."""
    vocabulary = {word: index for index, word in enumerate([*SPECIALS, *WORDS, *(f"w{i}" for i in range(extra))])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<bos>",
        eos_token="<end>",
        additional_special_tokens=SPECIALS[4:],
    )
    tokenizer.chat_template = template
    return tokenizer


def llama(seed: int = 0, **changes: Any) -> LlamaForCausalLM:
    """A tiny random Llama whose distributions are neither flat nor peaked."""
    settings = {
        "vocab_size": 96,
        "hidden_size": 32,
        "intermediate_size": 80,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
        "initializer_range": 0.15,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "pad_token_id": 0,
    }
    return randomised(LlamaForCausalLM(LlamaConfig(**(settings | changes))), seed)


def randomised(model: Any, seed: int = 0) -> Any:
    """Normal weights everywhere, norms and biases too, so that nothing is left at a value that hides a mistake."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if "norm" in name and parameter.ndim == 1 else 0.0
            parameter.copy_(centre + 0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def policy_of(model: Any, thinking: Thinking | None = None) -> Policy:
    """A policy over a word tokenizer of the model's vocabulary size."""
    known = len(SPECIALS) + len(WORDS)
    tokenizer = word_tokenizer(extra=model.config.vocab_size - known)
    return Policy(model, tokenizer, Renderer(tokenizer, thinking))
