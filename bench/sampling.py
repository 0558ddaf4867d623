"""Time the sampler: the specialised decoder against the plain path (model.forward with its own cache), in one run.

Random weights, so that the lengths are known: ``exact`` cases never end a turn, ``varied`` ones end it at any token
with a fixed probability. GFLOP/s stand beside those of one matrix product of the case's shape, the ceiling.
Run: ``python bench/sampling.py [--threads 1] [--repeats 5] [--only rl]``
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from beneficent.core.ledger import Ledger
from beneficent.policy.decoder import Route, decoder_for
from beneficent.policy.sampler import Sampling, sample


class Words:
    """Stands in for a renderer: nothing is decoded, so the sampler alone is timed."""

    @staticmethod
    def split(token_ids: list[int], forced: bool) -> tuple[str, str, bool]:
        return "", "", True


@dataclass
class RandomPolicy:
    """What ``sample`` needs of a policy, without a tokenizer."""

    model: LlamaForCausalLM
    route: Route
    end_ids: frozenset[int]
    renderer: type[Words] = Words

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")


@dataclass
class Case:
    name: str
    model: str
    num_prompts: int
    num_samples: int
    prompt_length: int
    max_new_tokens: int
    mean_length: int | None
    plain_too: bool = True


MODELS = {
    "lab-1.0M": {"vocab_size": 1800, "hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": 4},
    "lab-1.6M": {"vocab_size": 1800, "hidden_size": 160, "intermediate_size": 432, "num_hidden_layers": 4},
    "31M": {"vocab_size": 8192, "hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 8},
}
CASES = [
    Case("rl exact", "lab-1.0M", 8, 8, 40, 30, None),
    Case("rl varied", "lab-1.0M", 8, 8, 40, 64, 30),
    Case("rl exact", "lab-1.6M", 8, 8, 40, 30, None),
    Case("scoring exact", "lab-1.0M", 3400, 1, 50, 30, None, plain_too=False),
    Case("scoring varied", "lab-1.0M", 3400, 1, 50, 64, 30, plain_too=False),
    Case("rl exact", "31M", 4, 8, 256, 64, None),
]


def policies(case: Case) -> tuple[RandomPolicy, RandomPolicy]:
    """The same random model on the specialised and on the plain path."""
    torch.manual_seed(0)
    heads = 8 if case.model == "31M" else 4
    config = LlamaConfig(
        **MODELS[case.model], num_attention_heads=heads, max_position_embeddings=512, tie_word_embeddings=True
    )
    model = LlamaForCausalLM(config).eval()
    ends = frozenset(range(config.vocab_size // case.mean_length)) if case.mean_length else frozenset({-1})
    return RandomPolicy(model, decoder_for(model), ends), RandomPolicy(model, Route("plain", ""), ends)


def prompts_of(case: Case) -> list[list[int]]:
    """Random prompts whose lengths spread by a quarter around the case's."""
    generator = torch.Generator().manual_seed(1)
    spread = case.prompt_length // 4
    low, high = (
        (case.prompt_length,) * 2 if case.model == "31M" else (case.prompt_length - spread, case.prompt_length + spread)
    )
    lengths = torch.randint(low, high + 1, (case.num_prompts,), generator=generator).tolist()
    return [torch.randint(100, 1000, (length,), generator=generator).tolist() for length in lengths]


def seconds(run: Callable[[], object]) -> float:
    """CPU seconds per thread, not wall clock, which on a machine shared with other work would measure that work."""
    start = process_time()
    run()
    return (process_time() - start) / torch.get_num_threads()


def product_rate(case: Case) -> float:
    """Operations a second of a linear layer of the case's rows and hidden size, the best of many."""
    hidden = int(MODELS[case.model]["hidden_size"])
    rows, wide = torch.randn(min(256, case.num_prompts * case.num_samples), hidden), torch.randn(4 * hidden, hidden)
    best = min(seconds(lambda: torch.nn.functional.linear(rows, wide)) for _ in range(300))
    return 2.0 * rows.numel() * 4 * hidden / best


def main() -> None:
    """Print one line per case: seconds (median, best), tokens a second, GFLOP a second, ratio to the plain path."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} thread(s), CPU s per thread, median of {arguments.repeats}")
    for case in CASES:
        if arguments.only not in f"{case.name} {case.model}":
            continue
        fast, plain = policies(case)
        prompts, sampling = prompts_of(case), Sampling(case.max_new_tokens)

        def run(policy: RandomPolicy, ledger: Ledger | None = None) -> None:
            sample(policy, prompts, case.num_samples, sampling, 0, ledger=ledger)  # noqa: B023

        ledger = Ledger()
        run(fast, ledger)
        times: list[float] = []
        plain_times: list[float] = []
        for _ in range(arguments.repeats):
            times.append(seconds(lambda: run(fast)))  # noqa: B023
            if case.plain_too:
                plain_times.append(seconds(lambda: run(plain)))  # noqa: B023
        median = statistics.median(times)
        line = f"{case.name:15} {case.model:9} {median:7.3f} s (best {min(times):.3f})"
        line += f"  {ledger.tokens_sampled / median:8.0f} tokens/s  {ledger.flops_sampling / median / 1e9:5.0f} of"
        line += f" {product_rate(case) / 1e9:.0f} GFLOP/s"
        if plain_times:
            line += f"  plain {statistics.median(plain_times):.3f} s = {statistics.median(plain_times) / median:.1f}x"
        print(line, flush=True)


if __name__ == "__main__":
    main()
