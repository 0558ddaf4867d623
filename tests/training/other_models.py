"""Models outside the Llama family, tiny and random."""

from tiny_models import randomised
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

SMALL = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2}
HEADS = {"intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}

OTHERS = {
    "qwen3": lambda: randomised(Qwen3ForCausalLM(Qwen3Config(**SMALL, **HEADS))),
    "mistral": lambda: randomised(MistralForCausalLM(MistralConfig(**SMALL, **HEADS, sliding_window=8))),
    "gpt2": lambda: randomised(
        GPT2LMHeadModel(GPT2Config(vocab_size=96, n_embd=32, n_layer=2, n_head=4, n_positions=128))
    ),
    "mamba": lambda: randomised(
        MambaForCausalLM(MambaConfig(vocab_size=96, hidden_size=32, num_hidden_layers=2, state_size=4))
    ),
}
