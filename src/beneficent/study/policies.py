"""Loading a policy as a recipe says."""

from pathlib import Path

from beneficent.policy.loading import Policy, load_policy
from beneficent.policy.rendering import Thinking
from beneficent.study.recipe import PolicySection


def load_as(section: PolicySection, folder: Path, device: str) -> Policy:
    """The checkpoint in a folder with the recipe's number format and marks of thoughts; raises ``PolicyError``."""
    thinking = None
    if section.thinking_open is not None and section.thinking_close is not None:
        thinking = Thinking(section.thinking_open, section.thinking_close)
    return load_policy(folder, thinking, section.dtype, device)
