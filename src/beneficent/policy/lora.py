"""Low-rank adapters on a policy: fewer weights to train, the others left as they are."""

from typing import Any

from beneficent.core.errors import PolicyError
from beneficent.core.installation import require
from beneficent.policy.loading import Policy


def add_lora(policy: Policy, rank: int) -> Policy:
    """The policy with an untrained adapter of this rank on every linear layer but the output head (Hu et al. 2021).

    Scale is twice the rank over the rank. The model of ``policy`` is wrapped, not copied.

    Raises:
        PolicyError: a rank below 1.
        MissingExtraError: peft is not installed.
    """
    if rank < 1:
        raise PolicyError(f"the rank of an adapter is {rank}; allowed is a whole number from 1")
    peft: Any = require("peft", "models")
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = peft.get_peft_model(policy.model, config)
    return Policy(model.eval(), policy.tokenizer, policy.renderer, policy.folder)
