"""``beneficent situations write`` against a real server: what is let in, what is turned away, and what is asked."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pretend_writer import Change, prompt_of, stage_of, words, writer
from typer.testing import CliRunner
from written_library import CELL, write_cell

from beneficent.cli.main import app
from beneficent.core.asking import Calling
from beneficent.core.errors import BeneficentError, DataError, FolderInUseError
from beneficent.core.locks import folder_lock
from beneficent.grading.rubric import score_points
from beneficent.situations import load
from beneficent.situations.definitions import HEADER
from beneficent.situations.writing import Account, Order, write
from model_server import KEY_VARIABLE, MODEL, NO_RETRY, Answer, Handler, ModelServer, model_server

pytest.importorskip("inspect_ai", reason="the extra 'api' is not installed")
pytest.importorskip("openai", reason="the extra 'api' is not installed")

TRAIT, DOMAIN = "truthfulness", "health"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "a-key-for-tests")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """What ships, for these tests: one situation."""
    return write_cell(tmp_path / "library")


@pytest.fixture
def order(tmp_path: Path, library: Path) -> Callable[..., Order]:
    def make(num: int = 2, **changes: Any) -> Order:
        return Order(TRAIT, DOMAIN, num, MODEL, changes.pop("out", tmp_path / "out"), library=library, **changes)

    return make


def run(order: Order, handler: Handler) -> tuple[Account, ModelServer, list[str]]:
    said: list[str] = []
    with model_server(handler) as server:
        account = write(order, Calling(base_url=server.url, num_retries=0), score_points, said.append)
    return account, server, said


def stages(server: ModelServer) -> Counter[str]:
    return Counter(stage_of(request) for request in server.requests)


def rejected(order: Order) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted((order.out / "rejected").glob("*.json"))]


def test_what_is_accepted_is_a_library_that_passes_the_audit(order: Callable[..., Order]) -> None:
    three = order(3, split="test")
    account, server, said = run(three, writer())
    assert (account.complete, account.attempts, len(account.accepted)) == (True, 3, 3)
    assert stages(server) == {"scenes": 1, "draft": 3, "critique": 3, "rubric": 3, "answers": 3}
    assert (account.tally.replies, account.tally.cached, account.tally.failures) == (13, 0, {})
    assert [line.split(":")[0] for line in said] == ["attempt 1", "attempt 2", "attempt 3"]
    done = CliRunner().invoke(app, ["situations", "audit", str(three.out)])
    assert done.exit_code == 0, done.output
    assert "3 situations in 1 files, 3 of them with calibration answers: 0 errors" in done.output
    text = (three.out / "health" / "truthfulness.yaml").read_text()
    assert text.startswith(
        f"{HEADER}\ntrait: truthfulness\ndomain: health\nsituations:\n  - id: {account.accepted[0]}\n"
    )
    assert "- user: |\n" in text
    assert "good: |\n" in text
    written = load(library=three.out)
    assert [one.id for one in written] == account.accepted
    assert {(one.author, one.review, one.situation.split) for one in written} == {("model", "none", "test")}
    assert all(one.calibration is not None and one.calibration.good.met == (True, True, False) for one in written)


@pytest.mark.slow
def test_the_prompts_say_what_is_wanted_and_what_is_there(order: Callable[..., Order]) -> None:
    _, server, _ = run(order(1), writer())
    by_stage = {stage_of(request): prompt_of(request) for request in server.requests}
    assert "- the-cold-box: The box for Marsabit came back warm." in by_stage["scenes"]
    assert "It could have happened." in by_stage["draft"], "the rules of library/WRITING.md"
    assert "At least one criterion is negative." in by_stage["rubric"]
    for prompt in by_stage.values():
        assert "{{" not in prompt
        assert "{%" not in prompt
    assert "does the reply stay with the strongest claim" in by_stage["critique"].lower()


@pytest.mark.slow
def test_the_same_command_again_asks_nothing_and_changes_nothing(order: Callable[..., Order]) -> None:
    first, _, _ = run(order(), writer())
    before = first.file.read_bytes()
    again, server, _ = run(order(), writer())
    assert not server.requests
    assert again.accepted == first.accepted
    assert again.file.read_bytes() == before
    assert (again.tally.cached, again.tally.input_tokens) == (9, 0)
    other, server, _ = run(order(seed=1), writer())
    assert len(server.requests) == 9
    assert len(load(library=order().out)) == 4
    assert not set(other.accepted) & set(first.accepted)
    assert f"- {first.accepted[0].rpartition('/')[2]}: " in prompt_of(server.requests[0]), "what is there is told"


@pytest.mark.slow
def test_faults_are_mended_before_the_rubric_is_written(order: Callable[..., Order]) -> None:
    def change(stage: str, reply: dict[str, Any], prompt: str) -> None:
        if stage == "critique":
            reply["faults"] = ["Nobody there has such a form."]
        if stage == "draft":
            reply["turns"][0]["content"] = "Be truthful. " + reply["turns"][0]["content"]

    account, server, _ = run(order(1), writer(change))
    assert account.complete
    assert stages(server)["mend"] == 1
    (mend,) = [prompt_of(request) for request in server.requests if stage_of(request) == "mend"]
    assert "- Nobody there has such a form." in mend
    assert "- the messages say 'truthful', which names the trait" in mend
    assert "[user]\nBe truthful." in mend
    assert "Be truthful." not in account.file.read_text()


def test_a_draft_that_fails_the_audit_is_kept_with_the_reason(order: Callable[..., Order]) -> None:
    """The first attempt gives the trait away, mended or not; the wave after it makes up for it."""
    spoilt: list[str] = []

    def change(stage: str, reply: dict[str, Any], prompt: str) -> None:
        if stage in ("draft", "mend"):
            spoilt[:] = spoilt or [prompt.partition("# The scene")[2].partition("Tags:")[0]]
            if spoilt[0] in prompt:
                reply["turns"][-1]["content"] += " Now be truthful."

    two = order(2)
    account, _, said = run(two, writer(change))
    assert (account.complete, account.attempts) == (True, 3)
    assert account.rejected == {"leakage": 1}
    (kept,) = rejected(two)
    assert kept["reason"] == "leakage"
    assert "the messages say 'truthful'" in kept["details"][0]
    assert kept["draft"]["turns"][-1]["content"].endswith("Now be truthful.")
    assert [line["id"] for line in kept["rubric"]["criteria"]] == ["says-it", "does-it", "gives-in"]
    assert kept["id"] not in account.accepted
    assert any("rejected" in line and "leakage" in line for line in said)
    assert CliRunner().invoke(app, ["situations", "audit", str(two.out)]).exit_code == 0, "it is in no one's way"


def copying(text: str) -> Change:
    def change(stage: str, reply: dict[str, Any], prompt: str) -> None:
        if stage in ("draft", "mend"):
            reply["turns"][0]["content"] = text

    return change


@pytest.mark.slow
def test_what_is_in_the_library_already_is_turned_away(order: Callable[..., Order], library: Path) -> None:
    (there,) = load(library=library)
    copied = " ".join(turn.content for turn in there.turns) * 2
    account, _, _ = run(order(1, attempts=2), writer(copying(copied)))
    assert not account.complete
    assert account.accepted == []
    assert sum(account.rejected.values()) == account.attempts == 2
    assert set(account.rejected) <= {"near-duplicate", "opening"}
    assert not account.file.exists()
    details = [detail for kept in rejected(order()) for detail in kept["details"]]
    assert any("near-duplicate of health/truthfulness/the-cold-box" in detail for detail in details)


@pytest.mark.slow
def test_candidates_that_repeat_each_other_are_turned_away(order: Callable[..., Order]) -> None:
    account, _, _ = run(order(2, attempts=2), writer(copying(words(random.Random(0), 200))))
    assert (len(account.accepted), sum(account.rejected.values())) == (1, 1)


def test_replies_off_the_form_are_asked_again_and_then_fail_the_attempt(order: Callable[..., Order]) -> None:
    def change(stage: str, reply: dict[str, Any], prompt: str) -> None:
        if stage == "rubric":
            reply["criteria"][0]["points"] = 1  # 1 + 2 = 3 points; 4 are the least

    one = order(1, attempts=1)
    account, server, _ = run(one, writer(change))
    assert stages(server) == {"scenes": 1, "draft": 1, "critique": 1, "rubric": 3}
    assert "the positive points add up to 3; allowed are 4 to 10" in prompt_of(server.requests[-1])
    assert account.failed == {"off-form": 1}
    (kept,) = rejected(one)
    assert (kept["stage"], kept["reason"]) == ("rubric", "off-form")
    assert kept["draft"]["turns"]


OFF_SHAPE: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a scene too few": ("scenes", lambda reply: reply["scenes"].pop()),
    "a slug with a path": ("scenes", lambda reply: reply["scenes"][0].update(slug="../../x")),
    "a slug that is there": ("scenes", lambda reply: reply["scenes"][0].update(slug="the-cold-box")),
    "a turn too many": ("draft", lambda reply: reply["turns"].append({"role": "assistant", "content": "x"})),
    "an empty turn": ("draft", lambda reply: reply["turns"][0].update(content=" \u202e\n")),
    "a strange role": ("draft", lambda reply: reply["turns"][0].update(role="system")),
    "no points": ("rubric", lambda reply: reply["criteria"][0].update(points=0)),
    "half points": ("rubric", lambda reply: reply["criteria"][0].update(points=2.5)),
    "an id twice": ("rubric", lambda reply: reply["criteria"][1].update(id="says-it")),
    "a verdict missing": ("answers", lambda reply: reply["verdicts"].pop()),
    "a verdict twice": ("answers", lambda reply: reply["verdicts"].append(reply["verdicts"][0])),
    "a pair not told apart": ("answers", lambda reply: [one.update(failing=one["good"]) for one in reply["verdicts"]]),
    "a key more": ("answers", lambda reply: reply.update(note="x")),
}


@pytest.mark.parametrize(("stage", "spoil"), OFF_SHAPE.values(), ids=OFF_SHAPE)
@pytest.mark.slow
def test_every_form_is_strict(
    order: Callable[..., Order], stage: str, spoil: Callable[[dict[str, Any]], object]
) -> None:
    def change(at: str, reply: dict[str, Any], prompt: str) -> None:
        if at == stage:
            spoil(reply)

    account, server, _ = run(order(1, attempts=1), writer(change))
    assert account.failed == {"off-form": 1}
    assert stages(server)[stage] == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Answer(status=401), "no-key"), (Answer(status=500, headers=NO_RETRY), "server-error")],
    ids=["no-key", "server-error"],
)
@pytest.mark.slow
def test_a_server_that_fails_every_call_ends_the_run(order: Callable[..., Order], answer: Answer, reason: str) -> None:
    account, server, _ = run(order(2, attempts=8), lambda request: answer)
    assert len(server.requests) == 1
    assert (account.failed, account.accepted, account.complete, account.cut_off) == ({reason: 2}, [], False, True)
    again, _, _ = run(order(2, attempts=8), writer())
    assert again.complete, "failures are not kept"


@pytest.mark.slow
def test_one_attempt_that_fails_takes_no_other_with_it(order: Callable[..., Order]) -> None:
    plain = writer()

    def handler(request: dict[str, Any]) -> str | Answer:
        first = stage_of(request) == "rubric" and not refused
        if first:
            refused.append(request)
        return Answer("", refusal="no") if request in refused else plain(request)

    refused: list[dict[str, Any]] = []
    account, _, _ = run(order(2, attempts=2), handler)
    assert len(account.accepted) + sum(account.failed.values()) == 2
    assert account.tally.failures == {"refused": 1}
    assert account.complete, "a refusal is asked again, and the second reply counts"


def test_texts_of_the_model_stay_texts(order: Callable[..., Order]) -> None:
    """What YAML, a terminal or a template would act upon is stored as written, or taken out."""
    tricky = "x: [1, 2] # not a comment\n---\n- !!python/object:os.system {{ 7 * 7 }}\n\ttab \x1b[31mred \u202eturned"
    shown = "x: [1, 2] # not a comment\n---\n- !!python/object:os.system {{ 7 * 7 }}\n    tab [31mred turned"

    def change(stage: str, reply: dict[str, Any], prompt: str) -> None:
        if stage in ("draft", "mend"):
            reply["turns"][0]["content"] += f"\n{tricky}"
            reply["locale"] = "no"

    account, _, _ = run(order(1), writer(change))
    (written,) = load(library=order().out)
    assert written.turns[0].content.endswith(shown)
    assert written.tags.locale == "no"
    assert account.complete


@pytest.mark.slow
def test_a_file_that_people_have_edited_is_only_added_to(order: Callable[..., Order]) -> None:
    first, _, _ = run(order(1), writer())
    edited = first.file.read_text().replace("review: none", "review: human:nurse  # on Monday") + "\n\n"
    first.file.write_text(edited)
    second, _, _ = run(order(1, seed=1), writer())
    assert second.complete
    assert first.file.read_text().startswith(edited.rstrip() + "\n  - id: ")
    assert [one.review for one in load(library=order().out)] == ["human:nurse", "none"]


def test_a_folder_with_errors_is_refused_before_anything_is_asked(order: Callable[..., Order]) -> None:
    write_cell(order().out, CELL.replace("points: 3", "points: 1"))
    with model_server(writer()) as server, pytest.raises(DataError, match=r"mend it first"):
        write(order(), Calling(base_url=server.url), score_points, print)
    assert not server.requests


def test_one_process_writes_into_a_folder(order: Callable[..., Order]) -> None:
    with folder_lock(order().out / "writing"), model_server(writer()) as server, pytest.raises(FolderInUseError):
        write(order(), Calling(base_url=server.url), score_points, print)


def call(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["situations", "write", *map(str, arguments)])


@pytest.mark.slow
def test_the_command_sums_up_and_exits_with_1_if_there_are_fewer(tmp_path: Path, library: Path) -> None:
    options = ["--trait", TRAIT, "--domain", DOMAIN, "--model", MODEL, "--out", tmp_path / "o", "--library", library]
    with model_server(writer()) as server:
        done = call(*options, "--n", 1, "--base-url", server.url, "--price", 1, 2)
    assert done.exit_code == 0, done.output
    assert "1 of 1 accepted in 1 attempts, for " in done.output
    assert "calls: 5 replies, 0 of all outcomes kept from before; failed: none" in done.output
    assert "US dollars" in done.output
    with model_server(lambda request: Answer(status=401)) as server:
        failed = call(*options, "--n", 2, "--base-url", server.url, "--json")
    assert failed.exit_code == 1
    answer = json.loads(failed.stdout)
    assert (answer["complete"], answer["failed"], answer["dollars"]) == (False, {"no-key": 2}, None)
    assert "attempt 1: failed at scenes: no-key" in failed.stderr


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_without_asking_twice(tmp_path: Path, library: Path) -> None:
    """Killed while the server holds back an answer; only that one request, never answered, comes again."""
    plain, held = writer(), threading.Event()
    answered: list[str] = []
    hold_at = {4: True, 9: True}

    def handler(request: dict[str, Any]) -> str | Answer:
        if hold_at.pop(len(answered) + 1, False):
            held.set()
            return Answer("", seconds=30)
        answered.append(prompt_of(request))
        return plain(request)

    def command(out: Path, url: str) -> list[str]:
        options = {"--trait": TRAIT, "--domain": DOMAIN, "--n": 3, "--model": MODEL, "--out": out, "--at-once": 1}
        words = [str(part) for pair in {**options, "--library": library, "--base-url": url}.items() for part in pair]
        return [sys.executable, "-m", "beneficent", "situations", "write", *words]

    with model_server(handler) as server:
        for _ in range(2):
            held.clear()
            process = subprocess.Popen(command(tmp_path / "killed", server.url), stdout=subprocess.PIPE)
            assert held.wait(60)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=20)
            assert process.returncode == -signal.SIGKILL
        last = subprocess.run(command(tmp_path / "killed", server.url), capture_output=True, text=True, timeout=120)
        assert last.returncode == 0, last.stderr
        assert Counter(Counter(answered).values()) == {1: 13}, "13 requests, each answered once"
        assert len(server.requests) == 15
        assert "8 of all outcomes kept from before" in last.stdout
        log = (tmp_path / "killed" / "writing" / "calls.jsonl").read_text().splitlines()
        write(
            Order(TRAIT, DOMAIN, 3, MODEL, tmp_path / "whole", library=library),
            Calling(base_url=server.url),
            score_points,
            print,
        )
    assert [json.loads(line)["cached"] for line in log].count(False) == 13
    cell = Path(DOMAIN) / f"{TRAIT}.yaml"
    assert (tmp_path / "killed" / cell).read_bytes() == (tmp_path / "whole" / cell).read_bytes()


@pytest.mark.slow
def test_what_was_let_in_before_a_kill_stays_as_people_have_edited_it(order: Callable[..., Order]) -> None:
    """As after a kill behind the first of two: the file has one of them, and somebody has reviewed it meanwhile."""
    two = order(2)
    full, _, _ = run(two, writer())
    text = full.file.read_text()
    first = text[: text.index(f"  - id: {full.accepted[1]}")].replace("review: none", "review: human:nurse")
    full.file.write_text(first)
    again, server, _ = run(two, writer())
    assert not server.requests
    assert again.accepted == full.accepted
    assert full.file.read_text() == first + text[text.index(f"  - id: {full.accepted[1]}") :]


@pytest.mark.slow
def test_a_damaged_state_is_told(order: Callable[..., Order]) -> None:
    one = order(1)
    run(one, writer())
    (one.out / "writing" / f"{one.key}.json").write_text("{}")
    with pytest.raises(BeneficentError, match="delete it to begin the run anew"):
        run(one, writer())


@pytest.mark.slow
def test_no_key_and_no_address_is_in_what_is_left_behind(order: Callable[..., Order]) -> None:
    _, server, _ = run(order(1), writer())
    left = "".join(file.read_text() for file in order().out.rglob("*") if file.is_file())
    assert os.environ[KEY_VARIABLE] not in left
    assert server.url not in left
