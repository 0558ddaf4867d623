import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from beneficent.cli.display import LiveRun, as_line, as_rich, bars, print_answer, print_counts, show_run
from beneficent.study.events import RunFinished, RunStarted, StepFailed, StepFinished, StepProgress, StepStarted

EVENTS = [
    RunStarted("runs/a", 3, 1, 2),
    StepStarted("train trait seed 0"),
    StepProgress("train trait seed 0", 57, 200, 0.625, None),
    StepProgress("train trait seed 0", 58, 200, 0.625, 0.25),
    StepFinished("train trait seed 0", 18.24, "reward 0.62"),
    StepFailed("score trait seed 0 clean", "disk [red]full"),
    RunFinished("runs/a", 20.0),
]


def test_elsewhere_than_in_a_terminal_there_is_one_line_a_finished_step(capsys: pytest.CaptureFixture[str]) -> None:
    with show_run(as_json=False) as listen:
        for event in EVENTS:
            listen(event)
    assert capsys.readouterr().out.splitlines() == [
        "runs/a: 3 steps, 1 of them done, 2 workers",
        "done train trait seed 0 (18.2 s): reward 0.62",
        "failed score trait seed 0 clean: disk [red]full",
        "finished in 20.0 s",
    ]


def test_machines_get_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with show_run(as_json=True) as listen:
        for event in EVENTS:
            listen(event)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in told] == [
        "run_started", "step_started", "step_progress", "step_progress", "step_finished", "step_failed", "run_finished",
    ]  # fmt: skip
    assert told[3] == {
        "event": "step_progress", "step": "train trait seed 0", "done": 58, "total": 200,
        "reward_standard": 0.625, "reward_trait": 0.25,
    }  # fmt: skip


def test_a_terminal_shows_arm_seed_step_reward_and_time_left() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with bars(console) as progress:
        live = LiveRun(progress)
        for event in EVENTS[:4]:
            live.listen(event)
        progress.refresh()
        drawn = screen.getvalue()
        for event in EVENTS[4:]:
            live.listen(event)
    assert "train trait seed 0" in drawn
    assert " 58/200" in drawn
    assert "reward 0.62, trait 0.25" in drawn
    assert re.search(r" 58/200 +\d+:\d\d:\d\d +reward", drawn), "the time left stands between the two"
    assert "all steps" in drawn
    assert "1/3" in drawn
    assert "disk [red]full" in screen.getvalue(), "reasons are untrusted and never read as markup"


def test_events_without_a_line() -> None:
    assert as_line(StepStarted("a")) is None
    assert as_line(StepFinished("a", 1.0, "")) == "done a (1.0 s)"


def test_tables_never_read_their_cells_as_markup() -> None:
    screen = io.StringIO()
    Console(file=screen, width=80).print(as_rich("[b]title", ("[i]a", "b"), [("[red]x", "1")]))
    for text in ("[b]title", "[i]a", "[red]x"):
        assert text in screen.getvalue()


def test_what_a_model_wrote_moves_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    screen = io.StringIO()
    evil = "\x1b[2J\x1b]0;owned\x07 said"
    Console(file=screen, width=80, force_terminal=True, color_system=None).print(as_rich("t", ("a",), [(evil,)]))
    with show_run(as_json=False) as listen:
        listen(StepFailed("score", evil))
    for shown in (screen.getvalue(), capsys.readouterr().out):
        assert "\x1b[2J" not in shown
        assert "\x1b]" not in shown
        assert "said" in shown


def test_counts_for_people_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"arms": ["baseline", "trait"], "rl_steps": 2000, "items_per_policy": {"clean": 3400}}
    print_counts(counts, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "arms               baseline, trait",
        "rl steps           2,000",
        "items per policy   clean 3,400",
    ]
    print_counts(counts, as_json=True)
    assert json.loads(capsys.readouterr().out) == counts


def test_an_answer_for_machines_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer({"verdicts": []}, Path("r/report.html"), as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "event": "answer", "report": "r/report.html", "results": {"verdicts": []},
    }  # fmt: skip
