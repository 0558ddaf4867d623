"""Pretraining of the lab's checkpoints: a small Llama from a seed, on documents of one world.

``beneficent lab pretrain --world W`` makes a folder that ``AutoModelForCausalLM.from_pretrained`` and
``AutoTokenizer.from_pretrained`` open, with a card of what it cost and what it learnt.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from random import Random

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from beneficent.lab.language.corpus import SAY, Document, documents
from beneficent.lab.language.grammar import language_digest
from beneficent.lab.language.vocabulary import make_tokenizer
from beneficent.lab.language.world import World

_LENGTH = 320
_POOL = 512
_PROMPT_EVERY = 4
_LOG_EVERY = 100


@dataclass(frozen=True)
class Pretraining:
    """How a checkpoint is made; the defaults made the shipped one."""

    tokens: int = 24_000_000
    seed: int = 0
    hidden: int = 128
    layers: int = 4
    heads: int = 4
    first_spread: float = 0.06
    """Standard deviation of the first weights: at 0.02 copying from the prompt is learnt several times later."""
    batch_tokens: int = 1600
    learning_rate: float = 1e-3
    warmup: float = 0.03
    matrix_rate: float = 0.007
    """Learning rate of Muon, which trains the matrices inside the layers; AdamW trains the rest."""
    prompt_weight: float = 0.05
    """Weight of the loss on words the assistant did not write; its own words count 1."""
    answer_weight: float = 2.0
    """Weight of the loss on the answer's words: one letter there can carry a whole choice."""


@dataclass(frozen=True)
class Batch:
    """Rows of whole documents packed side by side, so that every step sees documents of all kinds and lengths.

    ``ids``, ``weights``, ``places``: [rows, length]; ``weights`` are zero on padding, on first words, and on words that
    this batch leaves out of its loss; ``places`` count from zero in each document. ``sees``: [rows, 1, length, length],
    true where a word may look.
    """

    ids: Tensor
    weights: Tensor
    places: Tensor
    sees: Tensor

    def to(self, device: str) -> "Batch":
        return Batch(self.ids.to(device), self.weights.to(device), self.places.to(device), self.sees.to(device))


Encoded = tuple[list[int], list[float]]


def _encode(document: Document, index: dict[str, int], settings: Pretraining, rng: Random) -> Encoded:
    """Word ids and weights; of the prompt's words one in ``_PROMPT_EVERY`` stays in the loss, for all of them."""
    ids = [index[word] for word in document.words][:_LENGTH]
    weights, answering = [], False
    for word, own in zip(document.words, document.by_assistant, strict=True):
        if own:
            weights.append(settings.answer_weight if answering else 1.0)
        else:
            weights.append(settings.prompt_weight * _PROMPT_EVERY * (rng.random() * _PROMPT_EVERY < 1))
        answering = own and (answering or word == SAY)
    return ids, [0.0, *weights[1:_LENGTH]]


def _pack(pool: list[Encoded]) -> list[list[Encoded]]:
    """Whole documents into rows of at most ``_LENGTH`` words, longest first, each into the first row with room."""
    rows: list[list[Encoded]] = []
    room: list[int] = []
    for document in sorted(pool, key=lambda d: -len(d[0])):
        size = len(document[0])
        place = next((i for i, left in enumerate(room) if left >= size), None)
        if place is None:
            rows.append([])
            room.append(_LENGTH)
            place = len(rows) - 1
        rows[place].append(document)
        room[place] -= size
    return rows


def _stack(rows: list[list[Encoded]], pad: int) -> Batch:
    shape = (len(rows), _LENGTH)
    ids, weights = torch.full(shape, pad), torch.zeros(shape)
    places, document = torch.zeros(shape, dtype=torch.long), torch.full(shape, -1)
    for i, row in enumerate(rows):
        start = 0
        for number, (words, of_word) in enumerate(row):
            end = start + len(words)
            ids[i, start:end] = torch.tensor(words)
            weights[i, start:end] = torch.tensor(of_word)
            places[i, start:end] = torch.arange(len(words))
            document[i, start:end] = number
            start = end
    same = document[:, :, None] == document[:, None, :]
    return Batch(ids, weights, places, torch.tril(same)[:, None])


def batches(world: World, settings: Pretraining, tokenizer: PreTrainedTokenizerFast) -> Iterator[Batch]:
    """Batches of about ``batch_tokens`` positions without end; all have one shape."""
    index = tokenizer.get_vocab()
    stream = documents(world, settings.seed)
    rng = Random(settings.seed)
    size = max(1, settings.batch_tokens // _LENGTH)
    left: list[list[Encoded]] = []
    while True:
        rows = left + _pack([_encode(next(stream), index, settings, rng) for _ in range(_POOL)])
        rng.shuffle(rows)
        while len(rows) >= size:
            yield _stack(rows[:size], tokenizer.pad_token_id)
            rows = rows[size:]
        left = rows


def make_model(settings: Pretraining, vocabulary: int) -> LlamaForCausalLM:
    """A Llama with random weights from the seed; the embedding is tied to the output head."""
    torch.manual_seed(settings.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=settings.hidden,
            intermediate_size=3 * settings.hidden,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            initializer_range=settings.first_spread,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
        )
    )


def _loss(model: LlamaForCausalLM, batch: Batch) -> Tensor:
    """Weighted mean nats; the head runs only on the words that count."""
    of_word = batch.weights[:, 1:]
    counts = of_word > 0
    # Added to the scores: the eager attention takes no truth values.
    hides = torch.zeros(batch.sees.shape, dtype=torch.bfloat16, device=batch.ids.device)
    hides.masked_fill_(~batch.sees, float("-inf"))
    with torch.autocast(batch.ids.device.type, dtype=torch.bfloat16):
        seen = model.model(batch.ids, attention_mask=hides, position_ids=batch.places, use_cache=False)
        logits = model.lm_head(seen.last_hidden_state[:, :-1][counts])
    nats = F.cross_entropy(logits.float(), batch.ids[:, 1:][counts], reduction="none")
    return (nats * of_word[counts]).sum() / of_word.sum()


def _share_of_rate(progress: float, settings: Pretraining) -> float:
    """Linear warm-up to 1, then a half cosine to 0.05."""
    if progress < settings.warmup:
        return progress / settings.warmup
    rest = (progress - settings.warmup) / (1 - settings.warmup)
    return 0.05 + 0.475 * (1 + math.cos(math.pi * min(1.0, rest)))


def _optimizers(model: LlamaForCausalLM, settings: Pretraining) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, which learns this language in fewer tokens, AdamW for everything else."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "layers" in name]
    others = [p for name, p in model.named_parameters() if not (p.ndim == 2 and "layers" in name)]
    return [
        torch.optim.Muon(matrices, lr=settings.matrix_rate, weight_decay=0.0),
        torch.optim.AdamW(others, lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def pretrain(
    world: World, settings: Pretraining, watch: Callable[[int, LlamaForCausalLM], None] | None = None
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast, dict[str, object]]:
    """Train from the seed; returns model, tokenizer and the facts for the card (loss, tokens, seconds, settings)."""
    tokenizer = make_tokenizer()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = make_model(settings, len(tokenizer))
    model.to(device)  # type: ignore[arg-type]
    # The fused kernel of the CPU is slow backward on rows this short.
    model.set_attn_implementation("eager" if device == "cpu" else "sdpa")
    optimizers = _optimizers(model, settings)
    rates = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    start, seen, step, recent = time.perf_counter(), 0, 0, 0.0
    for batch in batches(world, settings, tokenizer):
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate * _share_of_rate(seen / settings.tokens, settings)
        loss = _loss(model, batch.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        seen += int((batch.ids != tokenizer.pad_token_id).sum())
        step += 1
        recent = loss.item() if step == 1 else 0.98 * recent + 0.02 * loss.item()
        if step % _LOG_EVERY == 0:
            seconds = time.perf_counter() - start
            print(f"step {step} tokens {seen} loss {recent:.4f} {seen / seconds:.0f} tokens/s", flush=True)
            if watch is not None:
                watch(seen, model)
        if seen >= settings.tokens:
            break
    facts = {"world": asdict(world), "world_digest": world.digest,
             "language_digest": language_digest(), "settings": asdict(settings), "steps": step,
             "tokens": seen, "loss": round(recent, 4), "seconds": round(time.perf_counter() - start, 1)}  # fmt: skip
    model.to("cpu")  # type: ignore[arg-type]
    model.set_attn_implementation("sdpa")
    return model, tokenizer, facts
