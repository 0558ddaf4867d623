"""Who may ask the page for what: the Host header, the session, the origin of a change, the token."""

import pytest

from beneficent.core.errors import BeneficentError
from beneficent.situations.review.guard import HEADERS, Guard, is_loopback

TOKEN = "a-token-of-some-length"


def change_headers(guard: Guard, session: str, **others: str) -> dict[str, str]:
    headers = {
        "host": "127.0.0.1:8765",
        "origin": "http://127.0.0.1:8765",
        "x-csrf-token": guard.csrf(session),
        "content-type": "application/json",
        "content-length": "20",
    }
    return {**headers, **{key.replace("_", "-"): value for key, value in others.items()}}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    assert Guard(host).opens("")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "machine.example", "localhost.example", ""])
def test_others_need_a_token_and_are_told_how(host: str) -> None:
    with pytest.raises(BeneficentError, match=r"a token is needed: for instance --token \S{40}.* SSH tunnel"):
        Guard(host)
    assert Guard(host, TOKEN).opens(TOKEN)
    assert not Guard(host, TOKEN).opens("")
    assert not Guard(host, TOKEN).opens(TOKEN[:-1])
    assert not Guard(host, TOKEN).opens(TOKEN + "\u00e9")


def test_a_short_token_is_refused() -> None:
    with pytest.raises(BeneficentError, match="the token has 15 signs; allowed are 16 or more"):
        Guard("127.0.0.1", "x" * 15)


@pytest.mark.parametrize(
    ("host", "header", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1:8765", True),
        ("127.0.0.1", "localhost:9000", True),
        ("127.0.0.1", "LOCALHOST.", True),
        ("127.0.0.1", "[::1]:8765", True),
        ("127.0.0.1", "rebound.example:8765", False),
        ("127.0.0.1", "127.0.0.1.example", False),
        ("127.0.0.1", "localhost@evil.example", False),
        ("127.0.0.1", "192.0.2.7", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "[::1", False),
        ("0.0.0.0", "192.0.2.7:8765", True),
        ("0.0.0.0", "rebound.example", False),
        ("machine.example", "Machine.example:1", True),
        ("machine.example", "localhost", False),
    ],
)
def test_only_names_of_this_server_are_answered(host: str, header: str, allowed: bool) -> None:
    guard = Guard(host, TOKEN)
    assert guard.allows_host(header) is allowed
    refusal = guard.refusal("GET", {"host": header}, guard.new_session())
    assert (refusal is None) is allowed
    assert refusal is None or refusal.status == 403


def test_a_session_is_known_to_its_own_run_only() -> None:
    guard, other = Guard("127.0.0.1"), Guard("127.0.0.1")
    session = guard.new_session()
    assert guard.knows(session)
    assert not other.knows(session)
    for forged in ("", ".", session[:-1], "x" + session, session.partition(".")[0]):
        assert not guard.knows(forged)
    assert guard.csrf(session) != guard.csrf(guard.new_session())


@pytest.mark.parametrize(
    ("others", "status"),
    [
        ({}, None),
        ({"host": "localhost:8765", "origin": "http://localhost:8765"}, None),
        ({"content_type": "application/json; charset=utf-8"}, None),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:8765"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "file://127.0.0.1:8765"}, 403),
        ({"x_csrf_token": ""}, 403),
        ({"x_csrf_token": "0" * 64}, 403),
        ({"x_csrf_token": "\u00e9"}, 403),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_length": ""}, 411),
        ({"content_length": "-1"}, 411),
        ({"content_length": "1000001"}, 413),
    ],
)
def test_a_change_needs_everything_at_once(others: dict[str, str], status: int | None) -> None:
    guard = Guard("127.0.0.1")
    session = guard.new_session()
    refusal = guard.refusal("POST", change_headers(guard, session, **others), session)
    assert (refusal and refusal.status) == status
    without = guard.refusal("POST", change_headers(guard, session, **others), None)
    assert without is not None, "no change without a session"


def test_pages_run_only_scripts_of_this_server() -> None:
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
