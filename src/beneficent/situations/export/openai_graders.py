"""OpenAI's graders: one grader for all situations, and the items that its template reads, as for reinforcement
fine-tuning.

A grader's formula cannot read an item, but points differ from rubric to rubric. So each criterion has a grader of its
own that answers with the criterion's share of the points, or 0, and the formula adds up: what is to be done minus what
is to be avoided, held within 0 and 1, which is ``grading.rubric`` up to the rounding of the shares. Slots that a
rubric does not fill have the share 0.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal

from beneficent.core.errors import DataError
from beneficent.core.hashing import digest
from beneficent.situations.export.formats import Files, filled, readme, split_files
from beneficent.situations.export.options import Options
from beneficent.situations.rows import graded_values
from beneficent.situations.types import Criterion, WrittenSituation

_Kind = Literal["do", "avoid"]
_DIGITS = 4
"""Decimals of a share: a model copies it, so it is kept short."""


def export_openai_graders(situations: Sequence[WrittenSituation], options: Options) -> Files:
    """``grader.json``, and ``<split>.jsonl`` with messages and what the grader reads.

    Raises:
        DataError: no judge is named.
    """
    if options.judge is None:
        raise DataError("the grader's file names the model that judges, and none is taken by default: give --judge")
    slots = _slots(situations)
    grader = json.dumps(_grader(slots, options.judge), indent=2, ensure_ascii=False) + "\n"
    return {
        "grader.json": grader.encode(),
        **split_files(situations, lambda written: _row(written, slots), "jsonl"),
        "README.md": readme("openai_graders.md.jinja", situations, judge=options.judge, num_graders=len(slots)),
    }


def _slots(situations: Sequence[WrittenSituation]) -> list[str]:
    """``do_1``, ``do_2``, ... ``avoid_1``, ...: as many as the largest rubric has of each."""
    kinds: tuple[_Kind, ...] = ("do", "avoid")
    most = {kind: max(len(_of_kind(written, kind)) for written in situations) for kind in kinds}
    return [f"{kind}_{place + 1}" for kind in kinds for place in range(most[kind])]


def _of_kind(written: WrittenSituation, kind: _Kind) -> list[Criterion]:
    return [criterion for criterion in written.situation.rubric if (criterion.points > 0) == (kind == "do")]


def _row(written: WrittenSituation, slots: Sequence[str]) -> dict[str, Any]:
    values = graded_values(written)
    del values["rubric"]
    values["conversation"] = "\n\n".join(f"[{m.role}]\n{m.content}" for m in written.situation.messages)
    # Lines between which a reply stands must not be known to the policy, which never sees this value.
    values["fence"] = digest(["fence", values])[:16]
    won = sum(criterion.points for criterion in _of_kind(written, "do"))
    for slot in slots:
        values[slot], values[f"{slot}_share"] = "No further criterion: not met.", "0"
    for kind in ("do", "avoid"):
        for place, criterion in enumerate(_of_kind(written, kind), start=1):
            values[f"{kind}_{place}"] = criterion.text
            values[f"{kind}_{place}_share"] = f"{min(1.0, abs(criterion.points) / won):.{_DIGITS}f}"
    return values


def _grader(slots: Sequence[str], judge: str) -> dict[str, Any]:
    total = " + ".join(slot for slot in slots if slot.startswith("do_"))
    total += "".join(f" - {slot}" for slot in slots if slot.startswith("avoid_"))
    return {
        "type": "multi",
        "name": "beneficent_rubric",
        "graders": {slot: _score_model(slot, judge) for slot in slots},
        "calculate_output": f"max(0, min(1, {total}))",
    }


def _score_model(slot: str, judge: str) -> dict[str, Any]:
    places = {name: f"{{{{ item.{name} }}}}" for name in ("conversation", "fence")}
    places |= {"criterion": f"{{{{ item.{slot} }}}}", "share": f"{{{{ item.{slot}_share }}}}"}
    places["reply"] = "{{ sample.output_text }}"
    return {
        "type": "score_model",
        "name": slot,
        "model": judge,
        "range": [0, 1],
        "input": [
            {"role": "developer", "content": filled("openai_graders_rules.txt.jinja", **places).decode()},
            {"role": "user", "content": filled("openai_graders_case.txt.jinja", **places).decode()},
        ],
    }
