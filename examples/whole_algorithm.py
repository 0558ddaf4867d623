"""The whole algorithm in one plain script: group-relative policy optimisation on a tiny model, no library loop.

Run it: ``python examples/whole_algorithm.py``. It builds a Llama of 20,000 parameters that knows 24 words, rewards it
for saying "yes" and nothing else, and prints how the reward rises: under a minute on one core. Sampling, advantages,
loss and update are written out below with ``model.forward`` and autograd alone. The library (``beneficent.training``)
does the same with less work, and a test holds the two together: from the same samples come the same advantages, loss,
gradients and weights.

What to notice, as this is where implementations differ:

1. The advantage is the reward minus the mean of its group. No division by the standard deviation.
2. A completion without a score (cut at the limit, or its grade failed) is out: not in the mean, not in the loss.
3. A group in which all scores are equal teaches nothing. No update is made if all groups are like that.
4. The loss is a sum over tokens divided by a constant, not by the tokens that happen to be in the batch.
5. One update a batch, so the ratio to the sampling policy is 1 and there is nothing to clip.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM

WORDS = ["<pad>", "<end>", "<user>", "<assistant>", "yes", "no", *(f"word{n}" for n in range(18))]
END, YES = WORDS.index("<end>"), WORDS.index("yes")


@dataclass(frozen=True)
class Settings:
    """What the script and the library both need to be told."""

    steps: int = 40
    groups_per_step: int = 4
    samples_per_group: int = 8
    max_new_tokens: int = 8
    learning_rate: float = 3e-3
    warmup_steps: int = 5
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-5
    grad_clip: float = 1.0
    loss_tokens: int = 8


@dataclass
class Sample:
    """One completion: its tokens, and whether it ended by itself."""

    tokens: list[int]
    whole: bool


def make_model(seed: int = 0) -> LlamaForCausalLM:
    """A random Llama, small enough to train in seconds."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        eos_token_id=END,
        pad_token_id=None,
    )
    return LlamaForCausalLM(config).eval()


def make_prompts(count: int, generator: torch.Generator) -> list[list[int]]:
    """Prompts of one to five random words, as a user would turn to the assistant."""
    prompts = []
    for _ in range(count):
        length = int(torch.randint(1, 6, (), generator=generator))
        words = torch.randint(4, len(WORDS), (length,), generator=generator).tolist()
        prompts.append([WORDS.index("<user>"), *words, WORDS.index("<assistant>")])
    return prompts


@torch.no_grad()
def sample_one(model: LlamaForCausalLM, prompt: list[int], limit: int, generator: torch.Generator) -> Sample:
    """Draw token after token from the policy, at temperature 1, until it ends its turn or reaches the limit."""
    tokens: list[int] = []
    for _ in range(limit):
        logits = model(torch.tensor([[*prompt, *tokens]])).logits[0, -1]
        tokens.append(int(torch.multinomial(logits.softmax(-1), 1, generator=generator)))
        if tokens[-1] == END:
            return Sample(tokens, whole=True)
    return Sample(tokens, whole=False)


def reward(sample: Sample) -> float | None:
    """The share of "yes" among the words said; None, which is not zero, for a completion that was cut."""
    if not sample.whole:
        return None
    said = sample.tokens[:-1]
    return said.count(YES) / len(said) if said else 0.0


def advantages_of(scores: Sequence[float | None]) -> list[float | None] | None:
    """Score minus the mean of the scored; None for the unscored, and for the whole group if it teaches nothing."""
    scored = [score for score in scores if score is not None]
    if len(scored) < 2 or max(scored) - min(scored) <= 1e-6:
        return None
    mean = sum(scored) / len(scored)
    return [None if score is None else score - mean for score in scores]


def log_probabilities(model: LlamaForCausalLM, prompt: list[int], tokens: list[int]) -> torch.Tensor:
    """Log-probability of each token of a completion, in nats: position i predicts token i + 1."""
    logits = model(torch.tensor([[*prompt, *tokens]])).logits[0]
    predictions = logits[len(prompt) - 1 : -1].log_softmax(-1)
    return predictions.gather(1, torch.tensor(tokens)[:, None]).squeeze(1)


def batch_loss(
    model: LlamaForCausalLM,
    prompts: Sequence[list[int]],
    groups: Sequence[Sequence[Sample]],
    advantages: Sequence[list[float | None] | None],
    settings: Settings,
) -> torch.Tensor | None:
    """- sum over tokens of ratio x advantage, over a constant; None if no group is live."""
    terms = []
    for prompt, group, own in zip(prompts, groups, advantages, strict=True):
        for sample, advantage in zip(group, own or [None] * len(group), strict=True):
            if advantage is None:
                continue
            now = log_probabilities(model, prompt, sample.tokens)
            ratio = torch.exp(now - now.detach())
            terms.append(-(ratio * advantage).sum())
    if not terms:
        return None
    return torch.stack(terms).sum() / (settings.groups_per_step * settings.samples_per_group * settings.loss_tokens)


def make_optimizer(model: LlamaForCausalLM, settings: Settings) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, betas=settings.betas, eps=settings.eps, weight_decay=0.0
    )


def update(model: LlamaForCausalLM, optimizer: torch.optim.AdamW, loss: torch.Tensor, done: int, own: Settings) -> None:
    """One step of AdamW on the clipped gradient; the learning rate rises over the first updates."""
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), own.grad_clip)
    for group in optimizer.param_groups:
        group["lr"] = own.learning_rate * min(1.0, (done + 1) / (own.warmup_steps + 1))
    optimizer.step()
    optimizer.zero_grad()


def main(settings: Settings | None = None) -> list[float]:
    """Train, print a line every few steps, and return the mean reward of every step."""
    settings = settings or Settings()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    model = make_model()
    optimizer, updates, rewards = make_optimizer(model, settings), 0, []
    for step in range(settings.steps):
        prompts = make_prompts(settings.groups_per_step, generator)
        groups = [
            [sample_one(model, prompt, settings.max_new_tokens, generator) for _ in range(settings.samples_per_group)]
            for prompt in prompts
        ]
        scores = [[reward(sample) for sample in group] for group in groups]
        advantages = [advantages_of(own) for own in scores]
        loss = batch_loss(model, prompts, groups, advantages, settings)
        if loss is not None:
            update(model, optimizer, loss, updates, settings)
            updates += 1
        scored = [score for own in scores for score in own if score is not None]
        rewards.append(sum(scored) / len(scored) if scored else 0.0)
        if step % 5 == 0 or step + 1 == settings.steps:
            live = sum(own is not None for own in advantages)
            print(f"step {step:3d}  reward {rewards[-1]:.2f} of {len(scored)} scored  live groups {live}/{len(groups)}")
    return rewards


if __name__ == "__main__":
    main()
