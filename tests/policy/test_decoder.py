"""Every decoder gives the log-probabilities of ``model.forward``."""

import pytest
import torch
from tiny_models import llama, randomised
from torch import nn
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from beneficent.policy.decoder import PARITY_TOLERANCE, PlainDecoder, build_decoder, decoder_for, parity_error
from beneficent.policy.llama import LlamaDecoder

SMALL = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2}
HEADS = {"intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
VARIANTS = {
    "plain heads": {},
    "grouped queries": {"num_key_value_heads": 2},
    "one key head": {"num_key_value_heads": 1},
    "tied": {"tie_word_embeddings": True},
    "biases": {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 2},
    "wide heads": {"head_dim": 24},
    "theta": {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    "llama3": {"rope_parameters": LLAMA3},
    "linear": {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}},
    "yarn": {
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 1e4,
            "factor": 4.0,
            "original_max_position_embeddings": 32,
        }
    },
}


def _walk(model, decoder, lengths, num_samples, drops, num_steps=6):
    """Largest log-probability difference over a walk that drops the given rows before each step."""
    generator = torch.Generator().manual_seed(3)
    vocabulary = model.config.vocab_size
    prompts = [torch.randint(vocabulary, (length,), generator=generator).tolist() for length in lengths]
    rows = [list(prompt) for prompt in prompts for _ in range(num_samples)]
    worst = 0.0
    with torch.inference_mode():
        logits = decoder.prefill(prompts, num_samples, num_steps + 1)
        for step in range(num_steps + 1):
            assert logits.shape == (len(rows), vocabulary)
            for row, ids in enumerate(rows):
                reference = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
                worst = max(worst, float((logits[row].log_softmax(-1) - reference).abs().max()))
            gone = drops.get(step, ())
            if gone:
                kept = [row for row in range(len(rows)) if row not in gone]
                rows = [rows[row] for row in kept]
                decoder.keep(torch.tensor(kept))
            tokens = torch.randint(vocabulary, (len(rows),), generator=generator)
            for ids, token in zip(rows, tokens.tolist(), strict=True):
                ids.append(token)
            if step < num_steps:
                logits = decoder.step(tokens)
    return worst


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())
@pytest.mark.parametrize("num_samples", [1, 3])
def test_llama_decoder_equals_forward(changes, num_samples):
    model = llama(**changes)
    assert decoder_for(model).name == "LlamaForCausalLM"
    lengths = [17, 17, 5, 1, 9]
    assert _walk(model, LlamaDecoder(model), lengths, num_samples, {}) < 1e-5


@pytest.mark.parametrize("decoder", [LlamaDecoder, PlainDecoder])
@pytest.mark.parametrize(
    ("lengths", "num_samples", "drops"),
    [
        ([9, 4, 6], 1, {0: (1,), 2: (0,)}),
        ([9, 9, 9], 1, {1: (0, 2)}),
        ([8, 3, 5], 4, {0: (5,), 1: (0, 1, 2), 3: (0, 7), 4: (0, 2, 3)}),
        ([7, 7], 4, {0: (0, 1, 2, 3), 2: (1, 2)}),
        ([6], 5, {0: (4,), 1: (0,), 2: (1,), 3: (0,)}),
    ],
)
def test_finished_rows_leave_without_a_trace(decoder, lengths, num_samples, drops):
    model = llama(num_key_value_heads=2)
    assert _walk(model, decoder(model), lengths, num_samples, drops) < 1e-5


def test_long_prompts_are_prefilled_in_pieces(monkeypatch):
    monkeypatch.setattr("beneficent.policy.llama._PREFILL_TOKENS", 30)
    model = llama()
    for num_samples in (1, 2):
        assert _walk(model, LlamaDecoder(model), [40, 22, 20, 9, 8, 2], num_samples, {1: (0, 3)}) < 1e-5


@pytest.mark.parametrize("lengths", [[9, 4, 6], [7, 7, 7]])
@pytest.mark.parametrize("num_samples", [1, 3])
def test_caches_that_grow_change_nothing(monkeypatch, lengths, num_samples):
    monkeypatch.setattr("beneficent.policy.llama._BLOCK", 2)
    model = llama(num_key_value_heads=2)
    assert _walk(model, LlamaDecoder(model), lengths, num_samples, {1: (0,), 3: (1,)}, num_steps=9) < 1e-5


PLAIN = {
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SMALL, **HEADS)),
    "mistral": lambda: MistralForCausalLM(MistralConfig(**SMALL, **HEADS, sliding_window=8)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=96, n_embd=32, n_layer=2, n_head=4, n_positions=128)),
    "mamba": lambda: MambaForCausalLM(MambaConfig(vocab_size=96, hidden_size=32, num_hidden_layers=2, state_size=4)),
}


@pytest.mark.parametrize("build", PLAIN.values(), ids=PLAIN.keys())
def test_other_architectures_take_the_plain_path_and_say_so(build):
    model = randomised(build())
    route = decoder_for(model)
    assert route.name == "plain"
    assert type(model).__name__ in route.reason
    decoder = build_decoder(model, route)
    assert isinstance(decoder, PlainDecoder)
    lengths = [21, 6, 13] if decoder.pads else [21, 21]
    assert _walk(model, decoder, lengths, 2, {1: (1,), 3: (0, 2)}) < 2e-5


def test_the_window_of_the_mistral_above_matters():
    """Prompts of 21 tokens are longer than its window of 8; with a wide window the result is another one."""
    model = randomised(PLAIN["mistral"]())
    wide = randomised(MistralForCausalLM(MistralConfig(**SMALL, **HEADS, sliding_window=None)))
    ids = torch.arange(21)[None]
    with torch.inference_mode():
        assert (model(ids).logits[0, -1] - wide(ids).logits[0, -1]).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("model", "word"),
    [
        (llama(hidden_act="gelu"), "GELUActivation"),
        (llama(rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}), "dynamic"),
    ],
)
def test_configurations_not_covered_take_the_plain_path(model, word):
    route = decoder_for(model)
    assert route.name == "plain"
    assert word in route.reason


def test_a_llama_with_a_foreign_part_takes_the_plain_path_even_after_its_route_was_found():
    model = llama()
    route = decoder_for(model)
    model.model.layers[0].mlp.up_proj = nn.Sequential(model.model.layers[0].mlp.up_proj)
    assert "Sequential" in decoder_for(model).reason
    assert isinstance(build_decoder(model, route), PlainDecoder)


def test_parity_check_catches_a_decoder_that_disagrees():
    class Shifted(LlamaForCausalLM):
        def forward(self, *args, **kwargs):
            output = super().forward(*args, **kwargs)
            output.logits = output.logits * 1.001
            return output

    model = llama()
    model.__class__ = Shifted
    with torch.inference_mode():
        assert parity_error(model, LlamaDecoder(model)) > PARITY_TOLERANCE


def test_parity_error_of_broken_weights_is_not_a_number():
    model = llama()
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    assert decoder_for(model).name == "plain"
