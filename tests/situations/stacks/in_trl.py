"""Run in an environment with TRL: one real step of GRPOTrainer on an exported folder and rows of another data set."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from byte_tokenizer import byte_tokenizer
from datasets import Dataset, concatenate_datasets, load_dataset
from transformers import LlamaConfig, LlamaForCausalLM
from trl import GRPOConfig, GRPOTrainer

from beneficent.grading.types import Grade
from beneficent.rewards import rubric_reward_with
from beneficent.situations.types import Situation

folder, out = Path(sys.argv[1]), sys.argv[2]
NUM_GENERATIONS = 4


class ByPlace:
    """Grades the completions of each group by their place: 1, 0.5, unscored, 0."""

    name = "by place"

    def __init__(self) -> None:
        self.situations: list[Situation] = []

    def grade(self, situations: Sequence[Situation], answers: Sequence[str]) -> list[Grade]:
        self.situations += situations
        grades = [Grade(1.0), Grade(0.5), Grade(None, unscored="no verdict"), Grade(0.0)]
        return [grades[place % NUM_GENERATIONS] for place in range(len(answers))]


torch.manual_seed(0)
tokenizer = byte_tokenizer()
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2
    )
)
before = model.lm_head.weight.detach().clone()
data = load_dataset(str(folder), split="train")
other = Dataset.from_list([{"prompt": [{"role": "user", "content": "What is 2 + 3?"}], "answer": "5"}])


def exact(prompts: list, completions: list, answer: list, **columns: object) -> list[float | None]:
    """The other data set's own reward."""
    return [
        None if right is None else float(right in c[0]["content"]) for right, c in zip(answer, completions, strict=True)
    ]


grader = ByPlace()
trainer = GRPOTrainer(
    model=model,
    processing_class=tokenizer,
    reward_funcs=[rubric_reward_with(grader), exact],
    train_dataset=concatenate_datasets([data, other]),
    args=GRPOConfig(
        output_dir=out,
        max_steps=1,
        per_device_train_batch_size=2 * NUM_GENERATIONS,
        num_generations=NUM_GENERATIONS,
        max_completion_length=8,
        logging_steps=1,
        scale_rewards="none",
        learning_rate=1e-2,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        shuffle_dataset=False,
    ),
)
trainer.train()
print(
    "FOUND",
    json.dumps(
        {
            "columns": data.column_names,
            "log": next(entry for entry in trainer.state.log_history if "reward" in entry),
            "graded": [situation.id for situation in grader.situations],
            "last_message": grader.situations[0].messages[-1].content,
            "moved": not torch.equal(before, model.lm_head.weight),
        }
    ),
)
