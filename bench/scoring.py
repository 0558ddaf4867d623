"""Seconds to score one checkpoint on a suite of benchmarks, sampling and the rest apart.

    python bench/scoring.py                                  # a random model of the lab's size, 53 x 64 items
    python bench/scoring.py --checkpoint DIR --think "<think>" --say "<say>"
    python bench/scoring.py --threads 1 --repeat 5

The items are made up (a question of 16 to 40 words, answered by a letter), because what costs time is their number and
length. A random model hardly ever ends its turn, so it samples ``--tokens`` tokens an item: an upper bound. Each
repeat scores everything again; the best and the median are printed, as other work on the machine only ever adds time.
"""

import argparse
import platform
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from beneficent.benchmarks.running import Condition, score_suite
from beneficent.benchmarks.types import Card, Item, Score
from beneficent.core.ledger import Ledger
from beneficent.policy.loading import Policy, load_policy
from beneficent.policy.rendering import Renderer, Thinking
from beneficent.policy.sampler import Sampling
from beneficent.situations.types import Message

TEMPLATE = (
    "<bos>{% for m in messages %} <{{ m['role'] }}> {{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %} <assistant>{% endif %}"
)
SPECIAL = ["<pad>", "<unk>", "<bos>", "<eos>", "<system>", "<user>", "<assistant>", "<think>", "<say>"]


class Letters:
    """A benchmark of made-up questions with the answer ``a``."""

    def __init__(self, name: str, count: int, words: Sequence[str]) -> None:
        self.card = Card(name, name, "made up", "choice", 1, "letter", health=False, chance=0.5)
        self._items = [self._item(f"{name}-{n}", words) for n in range(count)]

    def _item(self, item_id: str, words: Sequence[str]) -> Item:
        rng = random.Random(item_id)
        text = " ".join(rng.choices(words, k=rng.randint(16, 40)))
        return Item(item_id, ((Message("user", text),),))

    def items(self) -> list[Item]:
        return self._items

    def score(self, item: Item, answers: Sequence[str]) -> Score:
        return Score(float(answers[0].strip() == "a"))

    def gold(self, item: Item) -> tuple[str, ...]:
        return ("a",)


def random_policy(layers: int, width: int, vocabulary: int) -> Policy:
    """A Llama with random weights of the lab's size and a word-level tokenizer."""
    words = SPECIAL + [f"w{n}" for n in range(vocabulary - len(SPECIAL))]
    backend = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=SPECIAL[4:],
        chat_template=TEMPLATE,
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 32),
        max_position_embeddings=512,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
        tie_word_embeddings=True,
    )
    return Policy(LlamaForCausalLM(config).eval(), tokenizer, Renderer(tokenizer, Thinking("<think>", "<say>")))


def words_of(policy: Policy) -> list[str]:
    """Words to make questions of: plain entries of the vocabulary."""
    special = set(policy.tokenizer.all_special_tokens)
    found = sorted(word for word in policy.tokenizer.get_vocab() if word not in special and word.isalnum())
    return found[:1000]


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="checkpoint folder; without it a random model")
    parser.add_argument("--think", help="mark that opens a thought in the checkpoint, if it thinks")
    parser.add_argument("--say", help="mark that closes a thought in the checkpoint, if it thinks")
    parser.add_argument("--benchmarks", type=int, default=53)
    parser.add_argument("--items", type=int, default=64, help="items per benchmark")
    parser.add_argument("--tokens", type=int, default=40, help="most tokens sampled per item")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", help="device for a checkpoint, such as cuda")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--layers", type=int, default=4, help="of the random model")
    parser.add_argument("--width", type=int, default=160, help="of the random model")
    parser.add_argument("--vocabulary", type=int, default=1600, help="of the random model")
    options = parser.parse_args()
    if (options.think is None) != (options.say is None):
        parser.error("--think and --say go together")
    return options


def main() -> None:
    options = read_options()
    torch.set_num_threads(options.threads)
    if options.checkpoint is None:
        policy = random_policy(options.layers, options.width, options.vocabulary)
    else:
        thinking = Thinking(options.think, options.say) if options.think else None
        policy = load_policy(options.checkpoint, thinking, device=options.device)
    words = words_of(policy)
    suite = [Letters(f"made-up-{n}", options.items, words) for n in range(options.benchmarks)]
    parameters = sum(p.numel() for p in policy.model.parameters())
    print(
        f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}, {parameters / 1e6:.2f}M weights"
    )
    totals: list[float] = []
    for repeat in range(options.repeat):
        ledger, start = Ledger(), time.perf_counter()
        rows = score_suite(
            policy, suite, Condition("clean"), Sampling(options.tokens), repeat, lambda answer: "answer", ledger=ledger
        )
        totals.append(time.perf_counter() - start)
        stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in ledger.seconds.items())
        print(f"{len(rows)} items, {ledger.tokens_sampled} tokens sampled: {totals[-1]:.2f} s ({stages})")
    print(f"best {min(totals):.2f} s, median {statistics.median(totals):.2f} s")


if __name__ == "__main__":
    main()
