"""Calls to models, against a real server on loopback: what comes back, what is kept, and what never gets out."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from beneficent.core.asking import Asker, Calling, Failure, Outcome, Reply, Request, Settings, Turn
from beneficent.core.asking.failures import without_keys
from beneficent.core.asking.records import append_line
from beneficent.core.errors import BeneficentError
from model_server import KEY_VARIABLE, MODEL, NO_RETRY, Answer, Handler, model_server

pytest.importorskip("inspect_ai", reason="the extra 'api' is not installed")
pytest.importorskip("openai", reason="the extra 'api' is not installed")

KEY = "sk-this-must-never-be-seen-1234"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


def request_of(text: str, **settings: Any) -> Request:
    return Request("test", (Turn("user", text),), Settings(max_tokens=50, **settings))


def ask(handler: Handler, *texts: str, num_retries: int = 0, **options: Any) -> list[Outcome]:
    with model_server(handler) as server:
        asker = Asker(MODEL, Calling(base_url=server.url, num_retries=num_retries, **options))
        return asker.ask_all([request_of(text) for text in texts])


def echo(request: dict[str, Any]) -> str:
    return f"you said: {request['messages'][-1]['content']}"


def test_a_request_reaches_the_server_as_it_is_and_the_reply_comes_back() -> None:
    schema = {
        "type": "object",
        "properties": {"yes": {"type": "boolean"}},
        "required": ["yes"],
        "additionalProperties": False,
    }
    turns = (Turn("system", "Be brief."), Turn("user", "one two"), Turn("assistant", "three"), Turn("user", "four"))
    with model_server(echo) as server:
        asker = Asker(MODEL, Calling(base_url=server.url, prices=(2.0, 10.0)))
        outcome = asker.ask(Request("test", turns, Settings(64, temperature=0.5, seed=7, schema=schema)))
    (sent,) = server.requests
    assert [(message["role"], message["content"]) for message in sent["messages"]] == [
        (turn.role, turn.content) for turn in turns
    ]
    assert (sent["model"], sent["max_tokens"], sent["temperature"], sent["seed"]) == ("pretend", 64, 0.5, 7)
    assert sent["response_format"]["json_schema"]["schema"] == schema
    assert isinstance(outcome, Reply)
    assert outcome.text == "you said: four"
    # "Be brief." "one two" "three" "four" are six words in; three come out, at 2 and 10 dollars a million.
    assert (outcome.spent.input_tokens, outcome.spent.output_tokens) == (6, 3)
    assert outcome.spent.cost == pytest.approx(6 * 2e-6 + 3 * 10e-6)
    assert not outcome.spent.cached
    assert 0 < outcome.spent.seconds < 30


FAILING: dict[str, tuple[Answer, str, str]] = {
    "slow down": (Answer("slow down", status=429, headers=NO_RETRY), "rate-limited", ""),
    "broken": (Answer(status=500, headers=NO_RETRY), "server-error", ""),
    "no key": (Answer(status=401), "no-key", ""),
    "no right": (Answer(status=403), "no-key", ""),
    "no model": (Answer("no such model", status=404), "not-accepted", ""),
    "too long": (Answer("too long", status=400), "not-accepted", ""),
    "cut": (Answer("and then she", finish="length"), "truncated", "and then she"),
    "filtered": (Answer("", finish="content_filter"), "refused", ""),
    "declined": (Answer("", refusal="I will not."), "refused", "I will not."),
    "empty": (Answer(""), "malformed", ""),
    "a page": (Answer(body=b"<html>busy</html>"), "malformed", ""),
    "a page that says so": (
        Answer(body=b"<html>busy</html>", headers={"Content-Type": "text/html"}),
        "malformed",
        "",
    ),
    "half": (Answer(body=b'{"id": "x", "cho'), "malformed", ""),
    "null": (Answer(body=b'{"choices": null}'), "malformed", ""),
    "none": (Answer(body=b'{"choices": []}'), "malformed", ""),
}


def test_what_goes_wrong_is_a_failure_with_its_reason_and_takes_no_other_call_with_it() -> None:
    def handler(request: dict[str, Any]) -> Answer | str:
        text = request["messages"][0]["content"]
        return FAILING[text][0] if text in FAILING else "fine"

    *failed, good = ask(handler, *FAILING, "good")
    assert isinstance(good, Reply)
    for (name, (_, reason, text)), outcome in zip(FAILING.items(), failed, strict=True):
        assert isinstance(outcome, Failure), name
        assert (outcome.reason, outcome.text) == (reason, text), name
        assert outcome.detail, name


@pytest.mark.slow
def test_a_server_that_hangs_is_a_timeout() -> None:
    (outcome,) = ask(lambda request: Answer("late", seconds=1.5), "x", timeout_seconds=1)
    assert isinstance(outcome, Failure)
    assert outcome.reason == "timeout"


@pytest.mark.slow
def test_a_server_that_is_not_there_is_unreachable() -> None:
    with model_server(echo) as server:
        pass
    asker = Asker(MODEL, Calling(base_url=server.url, num_retries=0))
    outcome = asker.ask(request_of("x"))
    assert isinstance(outcome, Failure)
    assert outcome.reason == "unreachable"


@pytest.mark.slow
def test_a_rate_limit_is_waited_out_for_as_long_as_the_server_says() -> None:
    answers = iter([Answer(status=429, headers={"Retry-After": "1"}), Answer("now")])
    with model_server(lambda request: next(answers)) as server:
        outcome = Asker(MODEL, Calling(base_url=server.url, num_retries=0)).ask(request_of("x"))
    assert isinstance(outcome, Reply)
    first, second = server.seconds
    assert 0.95 <= second - first < 5


@pytest.mark.slow
def test_retries_are_bounded_and_mend_what_passes() -> None:
    counts: Counter[str] = Counter()

    def handler(request: dict[str, Any]) -> Answer:
        text = request["messages"][0]["content"]
        counts[text] += 1
        mended = text == "once" and counts[text] > 1
        return Answer("mended") if mended else Answer(status=503, headers=NO_RETRY)

    once, always = ask(handler, "once", "always", num_retries=1)
    assert isinstance(once, Reply)
    assert isinstance(always, Failure)
    assert always.reason == "server-error"
    assert counts == {"once": 2, "always": 2}


def test_outcomes_come_in_the_order_asked_and_no_more_than_allowed_are_under_way() -> None:
    texts = [str(number) for number in range(12)]

    def handler(request: dict[str, Any]) -> Answer:
        # The first are the slowest, so that they end last.
        return Answer(echo(request), seconds=0.06 - 0.005 * int(request["messages"][0]["content"]))

    with model_server(handler) as server:
        outcomes = Asker(MODEL, Calling(base_url=server.url, num_at_once=3)).ask_all(
            [request_of(text) for text in texts]
        )
    assert [outcome.text for outcome in outcomes] == [f"you said: {text}" for text in texts]
    assert server.most_at_once == 3


def test_what_was_answered_is_never_asked_again(tmp_path: Path) -> None:
    def handler(request: dict[str, Any]) -> Answer:
        return {"cut": Answer("half", finish="length"), "down": Answer(status=500, headers=NO_RETRY)}.get(
            request["messages"][0]["content"], Answer("whole")
        )

    requests = [request_of(text) for text in ("a", "cut", "down", "a")]
    with model_server(handler) as server:
        first = Asker(MODEL, Calling(base_url=server.url, folder=tmp_path, num_retries=0, prices=(1.0, 1.0))).ask_all(
            requests
        )
        assert len(server.requests) == 3, "equal requests are asked once"
        asker = Asker(MODEL, Calling(base_url=server.url, folder=tmp_path, num_retries=0))
        second = asker.ask_all(requests)
        assert [sent["messages"][0]["content"] for sent in server.requests[3:]] == ["down"]
        again = Asker(MODEL, Calling(base_url=server.url, folder=tmp_path, num_retries=0))
        for changed in (request_of("a", seed=1), request_of("a", temperature=0.0)):
            again.ask(changed)
        again.ask(Request("another", requests[0].messages, requests[0].settings))
        assert len(server.requests) == 7, "another seed, setting or purpose is another request"
    assert [outcome.text for outcome in first] == [outcome.text for outcome in second] == ["whole", "half", "", "whole"]
    assert [outcome.spent.cached for outcome in first] == [False, False, False, True]
    assert [outcome.spent.cached for outcome in second] == [True, True, False, True]
    assert second[0].spent.cost == first[0].spent.cost == pytest.approx(2e-6), "what it cost when it was asked"
    tally = asker.tally
    assert (tally.replies, tally.cached, tally.cost) == (1, 2, None)
    assert tally.failures == {"truncated": 1, "server-error": 1}


def test_a_damaged_answer_is_asked_for_anew(tmp_path: Path) -> None:
    with model_server(echo) as server:
        Asker(MODEL, Calling(base_url=server.url, folder=tmp_path)).ask(request_of("a"))
        (kept,) = (tmp_path / "answers").rglob("*.json")
        for damage in ("{", "[]", '{"reason": "whim", "text": "x", "spent": {}}', '{"reason": null}'):
            kept.write_text(damage)
            outcome = Asker(MODEL, Calling(base_url=server.url, folder=tmp_path)).ask(request_of("a"))
            assert outcome.text == "you said: a"
        assert len(server.requests) == 5
    assert json.loads(kept.read_text())["text"] == "you said: a"


def test_every_call_is_a_line_of_the_log(tmp_path: Path) -> None:
    with model_server(lambda request: Answer(status=500, headers=NO_RETRY) if len(server.requests) > 1 else "ok") as (
        server
    ):
        asker = Asker(MODEL, Calling(base_url=server.url, folder=tmp_path, num_retries=0))
        for text in ("a", "a", "b"):
            asker.ask(request_of(text))
    rows = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert [(row["outcome"], row["cached"]) for row in rows] == [
        ("reply", False),
        ("reply", True),
        ("server-error", False),
    ]
    assert rows[0]["request"] == rows[1]["request"] != rows[2]["request"]
    assert {row["purpose"] for row in rows} == {"test"}
    assert rows[0]["output_tokens"] == 1


def test_the_log_goes_on_after_a_line_that_was_cut(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text('{"a": 1}\n{"b":')
    append_line(file, {"c": 3})
    append_line(file, {"d": "ä"})
    assert file.read_text() == '{"a": 1}\n{"b":\n{"c": 3}\n{"d": "ä"}\n'


def test_keys_are_in_no_failure_no_log_and_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server sends back whatever it was sent, as some do: the key must not go on from there."""
    monkeypatch.setenv("ANOTHER_TOKEN", "plain-words-as-a-token")

    def handler(request: dict[str, Any]) -> Answer:
        told = f"wrong key {server.headers[-1]['authorization']} sk-abc***1234 plain-words-as-a-token"
        return Answer(told, status=401) if "no" in request["messages"][0]["content"] else Answer("fine")

    with model_server(handler) as server:
        failed, _ = Asker(MODEL, Calling(base_url=server.url, folder=tmp_path)).ask_all(
            [request_of("no"), request_of("yes")]
        )
    assert any(KEY in headers["authorization"] for headers in server.headers), "the key did reach the server"
    assert isinstance(failed, Failure)
    assert failed.detail.endswith("wrong key Bearer [key] [key] [key]")
    written = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    assert written.count('"outcome"') == 2
    for secret in (KEY, "abc***", "plain-words", KEY_VARIABLE, server.url):
        assert secret not in written


def test_a_detail_is_one_short_line() -> None:
    shown = without_keys("first\nsecond " + "x" * 1000)
    assert shown.startswith("first second xxx")
    assert len(shown) == 300
    assert without_keys("see http://me:pass@127.0.0.1/v1") == "see http://[key]@127.0.0.1/v1"


@pytest.mark.parametrize(
    ("model", "part"),
    [
        ("pretend", "should be in the format of <api_name>/<model_name>"),
        ("nowhere/x", "not recognized"),
        ("openai-api/unset/x", "UNSET_API_KEY"),
    ],
)
def test_a_model_that_cannot_be_asked_is_told_at_once(model: str, part: str) -> None:
    with pytest.raises(BeneficentError) as told:
        Asker(model, Calling(base_url="http://127.0.0.1:9/v1"))
    assert f"model '{model}' cannot be asked: " in str(told.value)
    assert part in str(told.value)
    assert "[bold]" not in str(told.value)


@pytest.mark.parametrize("option", ["num_at_once", "timeout_seconds", "num_retries"])
def test_numbers_below_the_least_are_refused(option: str) -> None:
    with pytest.raises(BeneficentError, match=f"{option} is -1; allowed is"):
        Asker(MODEL, Calling(base_url="http://127.0.0.1:9/v1", **{option: -1}))


def test_prices_below_zero_are_refused() -> None:
    with pytest.raises(BeneficentError, match=r"prices are \(1.0, -2.0\); allowed are two numbers from 0"):
        Calling(prices=(1.0, -2.0))


def test_it_may_be_called_inside_a_running_loop_and_from_threads() -> None:
    with model_server(echo) as server:
        asker = Asker(MODEL, Calling(base_url=server.url))

        async def inside() -> Outcome:
            return asker.ask(request_of("inside"))

        assert asyncio.run(inside()).text == "you said: inside"
        found: dict[int, str] = {}
        threads = [
            threading.Thread(target=lambda n=number: found.update({n: asker.ask(request_of(str(n))).text}))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert found == {number: f"you said: {number}" for number in range(4)}
    assert asker.tally.replies == 5


@pytest.mark.slow
def test_a_user_who_interrupts_does_not_wait_for_the_server() -> None:
    code = (
        "import sys; from beneficent.core.asking import *\n"
        "asker = Asker(sys.argv[1], Calling(base_url=sys.argv[2]))\n"
        "asker.ask(Request('test', (Turn('user', 'x'),), Settings(9)))"
    )
    with model_server(lambda request: Answer("late", seconds=30)) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", code, MODEL, server.url], env={**os.environ}, stderr=subprocess.PIPE
        )
        while not server.requests:
            assert process.poll() is None
            time.sleep(0.05)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert time.monotonic() - start < 10
    assert process.returncode in (130, -signal.SIGINT)
    assert b"Error" not in told
