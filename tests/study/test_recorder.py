from pathlib import Path
from typing import Any

from beneficent.study.recorder import PartsRecorder


def rollout(kind: str, score: float | None) -> dict[str, Any]:
    return {"kind": kind, "exercise": "e", "answer": "a", "score": score}


def steps_on_disk(recorder: PartsRecorder) -> list[int]:
    frame = recorder.steps.read()
    return frame["step"].to_list() if frame.height else []


def test_rows_are_on_disk_from_the_commit_on_and_rewind_drops_them(tmp_path: Path) -> None:
    told: list[int] = []
    recorder = PartsRecorder(tmp_path, lambda row: told.append(row["step"]))
    for step in range(3):
        recorder.record(step, {"reward_trait": None if step else 0.5}, [rollout("task", 1.0)])
    assert steps_on_disk(recorder) == []
    recorder.commit(3)
    recorder.record(3, {"reward_trait": 0.25}, [rollout("task", 1.0)])
    assert steps_on_disk(recorder) == [0, 1, 2]
    assert told == [0, 1, 2, 3]
    again = PartsRecorder(tmp_path, lambda row: None)
    again.rewind(2)
    again.record(2, {"reward_trait": 0.75}, [rollout("task", 0.0), rollout("task", None)])
    again.commit(3)
    assert again.steps.read()["reward_trait"].to_list() == [0.5, None, 0.75]
    assert again.rollouts.read()["score"].to_list() == [1, 1, 0, None]


def test_rewind_drops_what_is_still_in_memory(tmp_path: Path) -> None:
    recorder = PartsRecorder(tmp_path, lambda row: None)
    recorder.record(0, {}, [])
    recorder.record(1, {}, [])
    recorder.rewind(1)
    recorder.commit(2)
    assert steps_on_disk(recorder) == [0]


def test_the_rubric_is_asked_about_scored_situations_only(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def rubric(exercise: str, answer: str) -> float:
        asked.append((exercise, answer))
        return 0.25

    recorder = PartsRecorder(tmp_path, lambda row: None, rubric)
    recorder.record(0, {}, [rollout("task", 1.0), rollout("situation", 1.0), rollout("situation", None)])
    recorder.commit(1)
    assert recorder.rollouts.read()["score_trait"].to_list() == [None, 0.25, None]
    assert asked == [("e", "a")]
    plain = PartsRecorder(tmp_path / "plain", lambda row: None)
    plain.record(0, {}, [rollout("task", 1.0), rollout("situation", 0.75)])
    plain.commit(1)
    assert plain.rollouts.read()["score_trait"].to_list() == [None, 0.75]
