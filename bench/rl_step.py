"""Time one RL step of the native engine against TRL's GRPOTrainer: same model, prompts, lengths, dtype and threads.

Both do the whole step: render, sample exactly the given number of tokens, decode, reward, advantages, loss, AdamW. They
take turns in one process, a TRL step and then a native one, so that a busy machine slows both. TRL runs without vLLM,
gradient checkpointing and bfloat16, with the fused AdamW, and in each of ``VARIANTS``; its best one counts.

Needs the extra ``trl``. Run: ``python bench/rl_step.py [--threads 2] [--steps 5] [--only lab] [--native-only]``
"""

import argparse
import copy
import platform
import statistics
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from beneficent.grading.types import Grade
from beneficent.policy.loading import Policy
from beneficent.policy.rendering import Renderer
from beneficent.policy.sampler import Sampling, sample
from beneficent.policy.types import Ending
from beneficent.situations.types import Message
from beneficent.training.learner import Learner
from beneficent.training.loss import LossGroup, LossRow, Objective
from beneficent.training.mixture import Exercise
from beneficent.training.passes import batch_gradient, loss_route
from beneficent.training.rollouts import Group, Lengths, grade_group, rollout_rows, summarise
from beneficent.training.settings import TrainingSettings


@dataclass(frozen=True)
class Size:
    """One comparison: the model and the batch, and the ratio that is asked for."""

    name: str
    vocabulary: int
    hidden: int
    inner: int
    layers: int
    heads: int
    prompts: int
    samples: int
    prompt_tokens: int
    new_tokens: int
    target: float


SIZES = (
    Size("lab, 1.0M", 1800, 128, 344, 4, 4, 8, 8, 45, 30, 4.0),
    Size("31M", 8192, 512, 1376, 8, 8, 4, 8, 256, 64, 3.0),
)
VARIANTS: dict[str, dict[str, Any]] = {
    "whole batch": {"parts": 1},
    "whole batch, static cache": {"parts": 1, "cache_implementation": "static"},
    "loss in four parts": {"parts": 4},
}
"""What TRL's documentation offers that can help on a CPU: the size of a loss batch and the kind of cache."""


def make_policy(size: Size) -> Policy:
    """A random model with a word tokenizer; its chat template shows the words and nothing else."""
    torch.manual_seed(0)
    words = {f"w{index}": index for index in range(size.vocabulary - 2)} | {
        "<end>": size.vocabulary - 2,
        "<pad>": size.vocabulary - 1,
    }
    backend = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>", pad_token="<pad>")
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=size.vocabulary,
            hidden_size=size.hidden,
            intermediate_size=size.inner,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            eos_token_id=size.vocabulary - 2,
            pad_token_id=size.vocabulary - 1,
        )
    ).eval()
    return Policy(model, tokenizer, Renderer(tokenizer))


def make_prompts(size: Size) -> list[str]:
    """Random words; the same prompts in every step."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(size.vocabulary - 2, (size.prompts, size.prompt_tokens), generator=generator).tolist()
    return [" ".join(f"w{index}" for index in row) for row in ids]


def score(text: str) -> float:
    """A reward that costs nothing and differs within every group."""
    return zlib.crc32(text.encode()) % 1000 / 999


class Native:
    """The native engine's step, of the parts that ``training.loop`` is made of; no file is written."""

    def __init__(self, size: Size) -> None:
        self.policy = make_policy(size)
        # No end of turn, so that every completion has the given length; the loop would call them cut.
        self.policy.__dict__["end_ids"] = frozenset({-1})
        self.settings = TrainingSettings(
            groups_per_step=size.prompts, samples_per_group=size.samples, max_new_tokens=size.new_tokens
        )
        self.route = loss_route(self.policy.model)
        self.learner = Learner(self.policy.model, self.settings)
        self.exercises = [
            Exercise(f"e{index}", (Message("user", text),), "task", None, None, self._reward)
            for index, text in enumerate(make_prompts(size))
        ]
        self.lengths = Lengths(self.policy)
        self.steps = 0

    @staticmethod
    def _reward(answers: Sequence[str]) -> list[Grade]:
        return [Grade(score(answer)) for answer in answers]

    def step(self) -> None:
        prompts = [self.policy.renderer.render(exercise.messages) for exercise in self.exercises]
        sampling = Sampling(self.settings.max_new_tokens)
        completions = sample(self.policy, prompts, self.settings.samples_per_group, sampling, self.steps)
        groups = [
            grade_group(index, exercise, prompt, [replace(c, ending=Ending.COMPLETED) for c in own], self.settings)
            for index, (exercise, prompt, own) in enumerate(zip(self.exercises, prompts, completions, strict=True))
        ]
        assert all(group.live for group in groups)
        objective = Objective(self.settings.loss_constant)
        in_loss = [self._in_loss(group) for group in groups]
        loss = batch_gradient(self.policy.model, self.route, in_loss, objective, self.settings.tokens_per_pass)
        self.learner.update(loss, f"step {self.steps}")
        summarise(groups, self.lengths)
        rollout_rows(self.steps, groups)
        self.steps += 1

    @staticmethod
    def _in_loss(group: Group) -> LossGroup:
        pairs = zip(group.completions, group.advantages.values, strict=True)
        return LossGroup(group.prompt, tuple(LossRow(c.token_ids, a) for c, a in pairs if a is not None))


def trl_seconds(size: Size, variant: dict[str, Any], num_steps: int, between: Callable[[], None]) -> list[float]:
    """Seconds of each TRL step after the first; ``between`` is called after every step and not counted."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    policy, own = make_policy(size), dict(variant)
    parts, rows = own.pop("parts"), size.prompts * size.samples
    times: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.started = 0.0

        def on_train_begin(self, *arguments: Any, **keywords: Any) -> None:
            self.started = perf_counter()

        def on_step_end(self, *arguments: Any, **keywords: Any) -> None:
            times.append(perf_counter() - self.started)
            between()
            self.started = perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        arguments = GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            fp16=False,
            use_vllm=False,
            gradient_checkpointing=False,
            per_device_train_batch_size=rows // parts,
            gradient_accumulation_steps=parts,
            steps_per_generation=parts,
            num_generations=size.samples,
            num_iterations=1,
            max_completion_length=size.new_tokens,
            generation_kwargs={"min_new_tokens": size.new_tokens, **own},
            temperature=1.0,
            beta=0.0,
            loss_type="dr_grpo",
            scale_rewards="none",
            learning_rate=2e-4,
            lr_scheduler_type="constant",
            optim="adamw_torch_fused",
            max_steps=num_steps + 1,
            shuffle_dataset=False,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        trainer = GRPOTrainer(
            model=copy.deepcopy(policy.model).train(),
            reward_funcs=lambda completions, **_: [score(_text(one)) for one in completions],
            args=arguments,
            train_dataset=Dataset.from_list(
                [{"prompt": [{"role": "user", "content": text}]} for text in make_prompts(size)]
            ),
            processing_class=policy.tokenizer,
            callbacks=[Clock()],
        )
        trainer.train()
    return times[1:]


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def timed(run: Callable[[], None]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def compare(size: Size, num_steps: int) -> None:
    """Print a line for each variant of TRL, with the native steps that ran between its steps, and the ratio."""
    native = Native(size)
    native.step()
    best: tuple[float, str] = (float("inf"), "")
    of_native: list[float] = []
    for name, variant in VARIANTS.items():
        own: list[float] = []
        try:
            trl = trl_seconds(size, variant, num_steps, lambda: own.append(timed(native.step)))  # noqa: B023
        except Exception as error:
            print(f"{size.name:10} TRL {name:27} does not run: {type(error).__name__}: {error}", flush=True)
            continue
        of_native += own[1:]
        median = statistics.median(trl)
        best = min(best, (median, name))
        print(
            f"{size.name:10} TRL {name:27} {median:7.3f} s (best {min(trl):.3f})   "
            f"native {statistics.median(own):7.3f} s (best {min(own):.3f})   {median / statistics.median(own):.1f}x",
            flush=True,
        )
    if of_native:
        ratio = best[0] / statistics.median(of_native)
        print(
            f"{size.name:10} TRL's best ({best[1]}) over native: {ratio:.1f}x; asked for {size.target:.0f}x", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a size's name: lab, 31M")
    parser.add_argument("--native-only", action="store_true", help="time the native engine alone")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} thread(s), float32, {platform.machine()}")
    for size in SIZES:
        if arguments.only not in size.name:
            continue
        if arguments.native_only:
            native = Native(size)
            times = [timed(native.step) for _ in range(arguments.steps + 1)][1:]
            print(f"{size.name:10} native {statistics.median(times):.3f} s (best {min(times):.3f})", flush=True)
        else:
            compare(size, arguments.steps)


if __name__ == "__main__":
    main()
