"""The real server on this machine: who is refused, what a conflict and a kill leave, how mistakes are told."""

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Client, Server, command, serving
from written_library import CELL, write_cell

from beneficent.situations import load
from beneficent.situations.review.log import read_log

pytestmark = pytest.mark.slow

ID = "health/truthfulness/the-cold-box"
TOKEN = "a-token-of-some-length"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return write_cell(tmp_path / "library")


@pytest.fixture
def server(library: Path) -> Iterator[Server]:
    with serving(library) as found:
        yield found


@pytest.fixture
def client(server: Server) -> Client:
    client = Client(server)
    assert client.open().status == 200
    return client


def test_one_review_from_the_first_look_to_the_file(client: Client, library: Path) -> None:
    page = Client(client.server).open()
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "HttpOnly" in page.headers["Set-Cookie"]
    assert "SameSite=strict" in page.headers["Set-Cookie"]
    assert page.headers["Server"] is None
    rows = client.ask("GET", "/api/situations?domain=health&words=marsabit&state=none").json
    assert [row["id"] for row in rows["situations"]] == [ID]
    shown = client.get(ID)
    verdicts = {name: {criterion["id"]: False for criterion in shown["rubric"]} for name in "AB"}
    assert client.act("score", ID, verdicts=verdicts).json["blind"]["revealed"]["agreed"] == 2
    assert client.act("edit", ID, changes={"system": "You answer for a store."}).status == 200
    done = client.act("accept", ID)
    assert (done.status, done.json["state"]) == (200, "accepted")
    expected = CELL.replace("You answer for the district vaccine store.", "You answer for a store.")
    assert (library / "health/truthfulness.yaml").read_text() == expected.replace("review: none", "review: human:nurse")
    log = read_log(library.parent / "library.review.jsonl").decisions
    assert [one.decision for one in log] == ["scored", "edited", "accepted"]


def test_a_page_of_another_site_changes_nothing(client: Client, library: Path) -> None:
    evil = "http://evil.example"
    for headers, status in (
        ({"Origin": evil}, 403),
        ({"Origin": None}, 403),
        ({"Origin": "null"}, 403),
        ({"X_CSRF_Token": None}, 403),
        ({"X_CSRF_Token": "0" * 64}, 403),
        ({"Cookie": None}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Length": "5000000"}, 413),
        ({"Host": "evil.example", "Origin": evil}, 403),
    ):
        answer = client.act("accept", ID, headers=headers)
        assert (answer.status, list(answer.json)) == (status, ["error"]), headers
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert client.ask("OPTIONS", f"/api/accept/{ID}", Origin=evil, Access_Control_Request_Method="POST").status == 403
    assert client.ask("GET", "/", Host="evil.example").status == 403
    assert client.ask("GET", f"/api/situations/{ID}", Host=None).status in (400, 403)
    assert (library / "health/truthfulness.yaml").read_text() == CELL
    assert not (library.parent / "library.review.jsonl").exists()


def test_a_conflict_is_409_and_a_mistake_is_told_in_words(client: Client, library: Path) -> None:
    old = client.get(ID)["digest"]
    write_cell(library, CELL.replace("came back warm", "came back hot"))
    answer = client.act("edit", ID, digest=old, changes={"system": "Other."})
    assert answer.status == 409
    assert "Nothing was written" in answer.json["error"]
    assert "came back hot" in (library / "health/truthfulness.yaml").read_text()
    mistakes: list[tuple[Any, str]] = [
        (client.act("edit", ID, changes={"rubric[1].points": "0"}), "truthfulness.yaml:27: error: schema: "),
        (client.act("edit", ID, changes={"split": "train"}), "split cannot be edited here; allowed: system"),
        (client.act("reject", ID, reason=" "), "the reason has 0 signs; allowed are 1 to 2,000"),
        (client.act("accept", ID, role="x"), "role is 'x'; allowed is human:<role>"),
        (client.act("accept", ID, changes={"system": 5}), "changes.system: "),
        (client.act("accept", ID, unknown=1), "unknown: Extra inputs are not permitted"),
        (client.ask("GET", "/api/situations?trait=kindness"), "trait is 'kindness'; allowed: "),
        (client.ask("GET", "/api/situations/health/truthfulness/none"), "there is no situation 'health/truth"),
    ]
    for answer, message in mistakes:
        assert answer.status == 422
        assert message in answer.json["error"]
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/docs", "/openapi.json", "/api/accept/x"):
        assert client.ask("GET", path).status in (404, 405), path


def test_another_host_needs_the_token(library: Path) -> None:
    refused = subprocess.run(
        command(library, "--host", "0.0.0.0", "--no-browser"), capture_output=True, text=True, check=False, timeout=60
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(
        "error: other machines can reach --host 0.0.0.0, so a token is needed: for instance"
    )
    with serving(library, "--token", TOKEN) as server:
        assert server.url.endswith(f"/?token={TOKEN}")
        client = Client(server)
        for path in ("/", f"/?token={TOKEN}x", "/api/session", f"/api/situations/{ID}", "/static/review.js"):
            answer = client.ask("GET", path)
            assert (answer.status, answer.headers["Set-Cookie"]) == (401, None), path
        assert client.act("accept", ID, digest="0" * 64).status == 403
        assert client.open().status == 200
        assert client.act("accept", ID).status == 200
        taken = server.address.rpartition(":")[2]
        second = subprocess.run(
            command(library, "--port", taken, "--no-browser"), capture_output=True, text=True, check=False, timeout=60
        )
        assert second.returncode == 2
        assert f"127.0.0.1 port {taken} cannot be served: " in second.stderr
        assert second.stderr.count("\n") == 1


def test_killed_at_any_point_the_files_are_whole(library: Path) -> None:
    """Four kills among edits and decisions, each some milliseconds later; then the same page goes on."""
    file = library / "health/truthfulness.yaml"
    for round_, wait in enumerate((0.05, 0.11, 0.17, 0.23)):
        with serving(library) as server:
            client = Client(server)
            client.open()
            threading.Timer(wait, server.kill).start()
            try:
                for number in itertools.count():
                    client.act("edit", ID, changes={"system": f"Words {round_} {number}. " * 50})
                    client.act("accept", ID)
            except (OSError, ConnectionError, json.JSONDecodeError):
                pass
            time.sleep(0.1)
        (written,) = load(library=library)
        assert file.read_text().endswith(CELL[-200:])
        log = read_log(library.parent / "library.review.jsonl")
        assert len(log.unreadable) <= round_ + 1
    assert written.situation.messages[0].content.startswith("Words ")
    with serving(library) as server:
        client = Client(server)
        client.open()
        assert client.act("reject", ID, reason="too long").status == 200
    assert read_log(library.parent / "library.review.jsonl").decisions[-1].reason == "too long"
    assert [path.name for path in library.rglob("*.yaml")] == ["truthfulness.yaml"]


def test_ctrl_c_ends_it_in_peace(library: Path) -> None:
    with serving(library) as server:
        Client(server).open()
        server.process.send_signal(2)
        assert server.process.wait(timeout=20) == 0
        assert server.process.stdout is not None
        assert "Traceback" not in server.process.stdout.read()
