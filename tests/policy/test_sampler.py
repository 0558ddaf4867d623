"""Sampling end to end on tiny random models."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import MARKS, llama, policy_of
from transformers import Qwen3Config, Qwen3ForCausalLM

from beneficent.core.errors import PolicyError
from beneficent.core.ledger import Ledger
from beneficent.policy import sampler
from beneficent.policy.decoder import Route
from beneficent.policy.flops import ModelSize, cache_bytes_per_token, model_size, sampling_flops
from beneficent.policy.sampler import Sampling, sample
from beneficent.policy.types import Ending

END, THINK, SAY = 3, 7, 8


def prompts_of(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(9, 96, (length,), generator=generator).tolist() for length in lengths]


PROMPTS = prompts_of([7, 3, 12, 12, 1, 5])


def ids(results):
    return [[completion.token_ids for completion in group] for group in results]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_are_those_of_the_model_at_temperature_one(temperature):
    policy = policy_of(llama())
    results = sample(policy, PROMPTS, 3, Sampling(10, temperature), seed=1)
    assert [len(group) for group in results] == [3] * 6
    for prompt, group in zip(PROMPTS, results, strict=True):
        for completion in group:
            text = [*prompt, *completion.token_ids]
            with torch.inference_mode():
                logprobs = policy.model(torch.tensor([text])).logits[0].log_softmax(-1)
            for position, (token, logprob) in enumerate(zip(completion.token_ids, completion.logprobs, strict=True)):
                assert logprob == pytest.approx(float(logprobs[len(prompt) - 1 + position, token]), abs=1e-5)


@pytest.mark.parametrize("name", ["LlamaForCausalLM", "plain"])
def test_tokens_do_not_depend_on_batching_or_decoder(name):
    policy = policy_of(llama(num_key_value_heads=2))
    reference = ids(sample(policy, PROMPTS, 4, Sampling(12), seed=3))
    policy.__dict__["route"] = Route(name, "")
    for rows_per_batch in (1, 8, 1000):
        assert ids(sample(policy, PROMPTS, 4, Sampling(12), seed=3, rows_per_batch=rows_per_batch)) == reference
    fewer = ids(sample(policy, PROMPTS[:3], 2, Sampling(12), seed=3))
    assert fewer == [group[:2] for group in reference[:3]]
    shorter = ids(sample(policy, PROMPTS, 4, Sampling(5), seed=3))
    assert shorter == [[tokens[:5] for tokens in group] for group in reference]
    assert ids(sample(policy, PROMPTS, 4, Sampling(12), seed=4)) != reference


def test_samples_of_a_prompt_differ_and_greedy_ones_do_not():
    policy = policy_of(llama())
    group = ids(sample(policy, PROMPTS[:1], 8, Sampling(12), seed=3))[0]
    assert len(set(group)) == 8
    greedy = ids(sample(policy, PROMPTS[:1], 3, Sampling(12, temperature=0.0), seed=3))[0]
    assert len(set(greedy)) == 1
    text = list(PROMPTS[0])
    for token in greedy[0]:
        with torch.inference_mode():
            assert token == int(policy.model(torch.tensor([text])).logits[0, -1].argmax())
        text.append(token)


def test_a_prompt_longer_than_a_sliding_window_on_the_plain_path():
    config = Qwen3Config(
        vocab_size=96,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        use_sliding_window=True,
        sliding_window=6,
        max_window_layers=1,
        eos_token_id=END,
    )
    torch.manual_seed(0)
    policy = policy_of(Qwen3ForCausalLM(config).eval())
    assert policy.route.name == "plain"
    prompts = prompts_of([20, 9, 14])
    for prompt, group in zip(prompts, sample(policy, prompts, 2, Sampling(8), seed=0), strict=True):
        for completion in group:
            text = torch.tensor([[*prompt, *completion.token_ids]])
            with torch.inference_mode():
                logprobs = policy.model(text).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
            expected = logprobs.gather(1, torch.tensor(completion.token_ids)[:, None])[:, 0]
            assert torch.allclose(torch.tensor(completion.logprobs), expected, atol=1e-5)


def scripted(*tokens, thinking=None):
    """A policy that continues any prompt with ``tokens``: its embedding counts positions, its head looks them up."""
    model = llama(num_hidden_layers=1)

    class Script(type(model)):
        def forward(self, input_ids=None, attention_mask=None, past_key_values=None, use_cache=None, **kwargs):
            output = super().forward(
                input_ids=input_ids, attention_mask=attention_mask, past_key_values=past_key_values, use_cache=True
            )
            at = output.past_key_values.get_seq_length() - 3
            output.logits = torch.full_like(output.logits, float("-inf"))
            if at < len(tokens) and tokens[at] is None:
                output.logits[:] = float("nan")
            else:
                output.logits[..., tokens[at]] = 0.0
            return output

    model.__class__ = Script
    return policy_of(model, thinking)


def words(policy, text):
    return policy.tokenizer.convert_tokens_to_ids(text.split())


def test_endings_with_thoughts():
    tokens = policy_of(llama(), MARKS)
    said = words(tokens, "it is safe <say> yes . <end>")
    completed = sample(scripted(*said, thinking=MARKS), [[1, 2, 4]], 1, Sampling(10), seed=0)[0][0]
    assert (completed.thought, completed.answer, completed.ending) == ("it is safe", "yes .", Ending.COMPLETED)
    assert completed.token_ids == tuple(said)
    assert completed.logprobs == (0.0,) * 7
    cut = sample(scripted(*said, thinking=MARKS), [[1, 2, 4]], 1, Sampling(6), seed=0)[0][0]
    assert (cut.answer, cut.ending, len(cut.token_ids)) == ("yes .", Ending.TRUNCATED, 6)
    silent = scripted(*words(tokens, "it is <end>"), thinking=MARKS)
    unclosed = sample(silent, [[1, 2, 4]], 1, Sampling(10), seed=0)[0][0]
    assert (unclosed.thought, unclosed.answer, unclosed.ending) == ("it is", "", Ending.TRUNCATED)
    forced = sample(scripted(*words(tokens, "yes <end>"), thinking=MARKS), [[1, 2, 4]], 1, Sampling(9), 0, forced=True)
    assert (forced[0][0].thought, forced[0][0].answer, forced[0][0].ending) == ("", "yes", Ending.COMPLETED)


def test_a_row_that_is_not_finite_ends_as_errored():
    policy = scripted(*words(policy_of(llama()), "it is"), None)
    broken = sample(policy, [[1, 2, 4]], 2, Sampling(10), seed=0)[0]
    assert [completion.ending for completion in broken] == [Ending.ERRORED] * 2
    assert broken[0].answer == "it is"
    assert len(broken[0].logprobs) == 2


def test_a_prompt_that_is_not_finite_spoils_no_other():
    policy = policy_of(llama())
    reference = ids(sample(policy, PROMPTS, 3, Sampling(6), seed=0))
    assert policy.route.name == "LlamaForCausalLM"
    with torch.no_grad():
        policy.model.model.embed_tokens.weight[5] = float("nan")
    for num_samples in (1, 3):
        results = sample(policy, [*PROMPTS[:3], [9, 5, 10], *PROMPTS[3:]], num_samples, Sampling(6), seed=0)
        assert {completion.ending for completion in results[3]} == {Ending.ERRORED}
        assert results[3][0].token_ids == ()
        assert ids(results[:3]) == [group[:num_samples] for group in reference[:3]]
        assert all(c.ending in (Ending.TRUNCATED, Ending.COMPLETED) for group in results[4:] for c in group)


def test_training_mode_is_put_back_and_dropout_is_off():
    policy = policy_of(llama(attention_dropout=0.5))
    policy.__dict__["route"] = Route("plain", "")
    reference = ids(sample(policy, PROMPTS, 2, Sampling(6), seed=0))
    policy.model.train()
    assert ids(sample(policy, PROMPTS, 2, Sampling(6), seed=0)) == reference
    assert policy.model.training


def test_weights_changed_between_calls_are_seen():
    policy = policy_of(llama())
    before = sample(policy, PROMPTS, 1, Sampling(6), seed=0)
    with torch.no_grad():
        policy.model.model.layers[0].self_attn.q_proj.weight.mul_(-1.0)
    assert sample(policy, PROMPTS, 1, Sampling(6), seed=0) != before


def test_bad_arguments_are_named():
    policy = policy_of(llama())
    with pytest.raises(PolicyError, match="prompt 1 is empty"):
        sample(policy, [[4], []], 1, Sampling(5), seed=0)
    with pytest.raises(PolicyError, match=r"prompt 0 has 120 tokens; with max_new_tokens = 9.*128 positions"):
        sample(policy, [[4] * 120], 1, Sampling(9), seed=0)
    with pytest.raises(PolicyError, match="num_samples = 0"):
        sample(policy, [[4]], 0, Sampling(5), seed=0)
    with pytest.raises(PolicyError, match="max_new_tokens = 0"):
        Sampling(0)
    with pytest.raises(PolicyError, match="temperature = -1"):
        Sampling(5, -1.0)
    with pytest.raises(PolicyError, match="temperature = nan"):
        Sampling(5, math.nan)
    assert sample(policy, [], 3, Sampling(5), seed=0) == []


def test_ledger_counts_by_hand():
    """Sizes: 10 body weights, 3 head weights, 2 layers, attention width 4.

    A prompt of 3 attends to 1 + 2 + 3 = 6. A continuation of 3 runs 2 tokens, attending to 4 + 5 = 9; one of 1 runs
    none. Tokens 3 + 2 = 5, logits 1 + 2 = 3: 2*10*5 + 2*3*3 + 4*2*4*(6+9) = 100 + 18 + 480 = 598.
    """
    assert sampling_flops(ModelSize(body=10, head=3, layers=2, width=4), 3, [3, 1]) == 598.0


@pytest.mark.parametrize("tied", [False, True])
def test_model_size_by_hand(tied):
    """Per layer: 4 * 32 * 32 attention, 3 * 32 * 80 feed-forward, 2 * 32 norms; one last norm of 32."""
    size = model_size(llama(tie_word_embeddings=tied))
    assert size == ModelSize(body=2 * (4096 + 7680 + 64) + 32, head=96 * 32, layers=2, width=32)


def test_a_batch_is_kept_within_the_memory_for_its_cache(monkeypatch):
    """2 layers * (keys + values) * 2 heads * 8 wide * 4 bytes = 256 bytes a token; 12 + 6 tokens a row: 4608 bytes."""
    policy = policy_of(llama(num_key_value_heads=2))
    assert cache_bytes_per_token(policy.model) == 256
    sizes = []
    inside = sampler._sample_batch

    def spy(policy, decoder, prompts, *rest):
        sizes.append(len(prompts))
        return inside(policy, decoder, prompts, *rest)

    monkeypatch.setattr(sampler, "_sample_batch", spy)
    monkeypatch.setattr(sampler, "CACHE_BYTES", {"cpu": 4608 * 4})
    free = ids(sample(policy, PROMPTS, 2, Sampling(6), seed=0, rows_per_batch=100))
    assert ids(sample(policy, PROMPTS, 2, Sampling(6), seed=0)) == free
    assert sizes == [6, 2, 2, 2]


def test_sampling_enters_the_ledger():
    policy, ledger = policy_of(llama()), Ledger(prompts=1)
    results = sample(policy, PROMPTS, 2, Sampling(6), seed=0, ledger=ledger)
    lengths = [[len(completion.token_ids) for completion in group] for group in results]
    assert (ledger.prompts, ledger.completions, ledger.tokens_prompt) == (7, 12, 40)
    assert ledger.tokens_sampled == sum(map(sum, lengths))
    size = model_size(policy.model)
    expected = sum(sampling_flops(size, len(p), n) for p, n in zip(PROMPTS, lengths, strict=True))
    assert ledger.flops_sampling == expected
    assert ledger.seconds["sampling"] > 0


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(1, 14), min_size=1, max_size=7),
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(1, 12),
    st.integers(0, 2**63),
)
def test_specialised_and_plain_decoders_sample_the_same(lengths, num_samples, positions, rows_per_batch, seed):
    policy = policy_of(llama(num_key_value_heads=2))
    # Many ends of turn make rows leave early and at different times.
    policy.__dict__["end_ids"] = frozenset(range(3, 40))
    prompts = prompts_of(lengths, seed=seed % 97)
    fast = sample(policy, prompts, num_samples, Sampling(positions), seed, rows_per_batch=rows_per_batch)
    policy.__dict__["route"] = Route("plain", "")
    plain = sample(policy, prompts, num_samples, Sampling(positions), seed)
    assert ids(fast) == ids(plain)
    assert [[c.ending for c in group] for group in fast] == [[c.ending for c in group] for group in plain]
