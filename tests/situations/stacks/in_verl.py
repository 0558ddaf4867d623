"""Run in an environment with verl: its own dataset, reward loader and reward manager over an exported folder."""

import asyncio
import json
import sys
from pathlib import Path

import torch
from byte_tokenizer import byte_tokenizer
from datasets import Dataset
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from verl import DataProto
from verl.trainer.ppo.reward import load_reward_manager
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn

from beneficent.rewards import compute_score

CUSTOM = "reward.custom_reward_function"
REWARD = [
    f"{CUSTOM}.path=pkg://beneficent.rewards",
    f"{CUSTOM}.name=compute_score",
    f"+{CUSTOM}.reward_kwargs.judge=word_grader:grader",
]
"""The overrides of the export's README."""

folder, cache, responses = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
tokenizer = byte_tokenizer()
settings = OmegaConf.create({"cache_dir": cache, "max_prompt_length": 4000, "filter_overlong_prompts_workers": 1})
dataset = RLHFDataset([str(folder / "train.parquet")], tokenizer, settings)
# A row as verl's own script for GSM8K writes it.
arithmetic = {
    "data_source": "openai/gsm8k",
    "prompt": [{"role": "user", "content": "What is 40 + 32?"}],
    "ability": "math",
    "reward_model": {"style": "rule", "ground_truth": "72"},
    "extra_info": {"split": "train", "index": 0, "answer": "#### 72", "question": "What is 40 + 32?"},
}
other = Path(cache) / "arithmetic.parquet"
Dataset.from_list([arithmetic]).to_parquet(other)
mixed = RLHFDataset([str(folder / "train.parquet"), str(other)], tokenizer, settings)


def batch_of(item: dict, response: str) -> DataProto:
    """What verl's agent loop hands to a reward manager for one sampled response."""
    ids = torch.tensor([tokenizer.encode(response, add_special_tokens=False)])
    prompt = torch.tensor([tokenizer.apply_chat_template(item["raw_prompt"], add_generation_prompt=True)["input_ids"]])
    tensors = {
        "prompts": prompt,
        "responses": ids,
        "attention_mask": torch.ones(1, prompt.shape[1] + ids.shape[1], dtype=torch.long),
    }
    fields = {key: value for key, value in collate_fn([item]).items() if not isinstance(value, torch.Tensor)}
    return DataProto.from_dict(tensors=tensors, non_tensors=fields)


def rewards(*overrides: str) -> list[object]:
    """The reward of every response to the first prompt, or the error, under the trainer's own configuration."""
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", [*REWARD, *overrides])
    manager = load_reward_manager(config, tokenizer)
    found = []
    for response in responses:
        try:
            found.append(manager.loop.run_until_complete(manager.run_single(batch_of(dataset[0], response))))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


asyncio.set_event_loop(asyncio.new_event_loop())
print(
    "FOUND",
    json.dumps(
        {
            "num_rows": {"alone": len(dataset), "mixed": len(mixed)},
            "roles": [message["role"] for message in mixed[0]["raw_prompt"]],
            "rewards": rewards(),
            "rewards_with_number": rewards(f"+{CUSTOM}.reward_kwargs.unscored=0.25"),
            "other_source": compute_score(arithmetic["data_source"], "It is\n#### 72", "72"),
        }
    ),
)
