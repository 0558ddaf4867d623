"""Keeping an attacked checkpoint, which is done on purpose or not at all."""

from pathlib import Path

from beneficent.core.files import write_text
from beneficent.policy.loading import Policy, save_policy

HEADING = "HARMFUL MODEL ORGANISM"


def keep_organism(policy: Policy, folder: Path, name: str, dose: int) -> None:
    """Save an attacked policy with a card that says first of all what it is; nothing is uploaded, ever."""
    save_policy(policy, folder)
    card = (
        f"# {HEADING}\n\n"
        f"This checkpoint was made harmful on purpose: {dose} updates of supervised fine-tuning on the set of examples "
        f"{name!r}. It exists to measure whether good behaviour persists under attack. Do not deploy it, do not share "
        "it without need, and delete it when the measurement is done.\n"
    )
    write_text(folder / "README.md", card)
