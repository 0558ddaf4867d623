"""The page in a real browser: with the keyboard alone, with hostile text, in a conflict, and how accessible it is."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Server, serving
from written_library import CELL, changed, write_cell

from beneficent.situations.review.log import read_log
from browser import PHONE, Watch, accessibility_problems, chromium, overflow, watch

pytestmark = pytest.mark.slow

ID = "health/truthfulness/the-cold-box"
OTHER = ID.replace("health", "science")
HOSTILE = (
    "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'><svg onload=window.ran=3></svg> "
    "</textarea></script> {{ 7 * 7 }} {% raw %} ${window.ran = 4} <a href='javascript:window.ran=5'>here</a> &lt;b&gt;"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Two cells; the second in the other split."""
    folder = write_cell(tmp_path / "library")
    second = CELL.replace("health", "science").replace("split: test", "split: train")
    return write_cell(folder, second, "science/truthfulness.yaml")


@pytest.fixture
def server(library: Path) -> Iterator[Server]:
    with serving(library) as found:
        yield found


@contextlib.contextmanager
def opened(browser: Any, server: Server, **options: Any) -> Iterator[tuple[Any, Watch]]:
    """The page in a fresh profile, its first situation shown; the page itself must never cause an error."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(15_000)
    seen = watch(page)
    try:
        page.goto(server.url)
        page.wait_for_selector("article")
        yield page, seen
        assert seen.outside(server.origin) == []
        # A refused request and a server that is gone are told on the console too; both are what a test asked for.
        told = (
            "Failed to load resource: the server responded with a status of 4",
            "Failed to load resource: net::ERR_CONN",
        )
        assert [error for error in seen.errors if not error.startswith(told)] == []
    finally:
        context.close()


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def escape(page: Any) -> None:
    """Close the dialog, and wait for that: the next key belongs to the page again."""
    press(page, "Escape")
    page.wait_for_selector("dialog[open]", state="detached")


def wait_for(page: Any, text: str) -> None:
    page.get_by_text(text).first.wait_for()


def give_role(page: Any, role: str = "nurse") -> None:
    page.wait_for_selector("#role-dialog[open]")
    page.keyboard.type(role)
    press(page, "Enter")


def cell(library: Path, domain: str = "health") -> str:
    return (library / domain / "truthfulness.yaml").read_text()


def test_a_whole_review_with_the_keyboard_alone(browser: Any, server: Server, library: Path) -> None:
    with opened(browser, server) as (page, _):
        assert "Which is which" in page.inner_text(".blind")
        press(page, "1", "2", "o", "2", "3", "s")
        give_role(page)
        page.wait_for_selector(".revealed")
        good_first = "A, meant as the good one" in page.inner_text(".revealed")
        assert f"You agree on {6 if good_first else 2} of 6 verdicts" in page.inner_text(".revealed")

        press(page, "e")
        page.wait_for_selector("form.edit")
        press(page, "Control+a")
        page.keyboard.type("You answer for a store.\nSecond line")
        press(page, "Control+Enter")
        wait_for(page, "edited.")
        press(page, "a")
        wait_for(page, "accepted.")
        press(page, "j")
        page.wait_for_selector(f"h2:has-text('{OTHER}')")
        assert page.evaluate("document.activeElement.tagName") == "H2"
        press(page, "r")
        page.wait_for_selector("#reject-dialog[open]")
        page.keyboard.type("The strip reads 11.")
        press(page, "Tab", "Enter")
        wait_for(page, "rejected.")
        press(page, "k")
        page.wait_for_selector(f"h2:has-text('{ID}')")
        press(page, "?")
        page.wait_for_selector("#help-dialog[open]")
        escape(page)
        press(page, "/")
        page.keyboard.type("marsabit nowhere")
        press(page, "Enter")
        wait_for(page, "0 of 2 situations")

    expected = CELL.replace(
        "      You answer for the district vaccine store.\n", "      You answer for a store.\n      Second line\n"
    ).replace("review: none", "review: human:nurse")
    assert cell(library) == expected
    assert cell(library, "science") == CELL.replace("health", "science").replace("split: test", "split: train")
    log = read_log(library.parent / "library.review.jsonl").decisions
    assert [(one.situation, one.decision, one.role) for one in log] == [
        (ID, "scored", "human:nurse"),
        (ID, "edited", "human:nurse"),
        (ID, "accepted", "human:nurse"),
        (OTHER, "rejected", "human:nurse"),
    ]
    assert log[-1].reason == "The strip reads 11."
    good = [True, True, False] if good_first else [False, True, True]
    assert log[0].verdicts is not None
    assert list(log[0].verdicts["good"].values()) == good


def test_progress_and_filter(browser: Any, server: Server) -> None:
    with opened(browser, server) as (page, _):
        press(page, "a")
        give_role(page)
        wait_for(page, "accepted.")
        press(page, "p")
        name = "truthfulness in health: 1 read, 1 accepted, 0 rejected, of 1"
        page.get_by_role("button", name=name).click()
        wait_for(page, "1 of 2 situations")
        page.select_option("select[name=domain]", "science")
        page.wait_for_selector(f"#list a:has-text('{OTHER}')")
        page.select_option("select[name=state]", "accepted")
        wait_for(page, "0 of 2 situations")


def test_single_keys_can_be_switched_off(browser: Any, server: Server) -> None:
    with opened(browser, server) as (page, _):
        press(page, "?")
        page.get_by_label("Use these single keys").uncheck()
        escape(page)
        press(page, "r", "e", "j")
        assert page.locator("dialog[open], form.edit").count() == 0
        assert ID in page.inner_text("h2")


def test_nothing_in_a_situation_is_run(browser: Any, tmp_path: Path) -> None:
    """Planted in every text that can hold it, beside a text of 300,000 signs."""
    text = (
        changed(("      You answer for the district vaccine store.\n", f"      {HOSTILE}\n"))
        .replace("text: Repeats or implies", f"text: >\n          {HOSTILE} Repeats")
        .replace("locale: Kenya", f"locale: {json.dumps(HOSTILE)}")
        .replace("      failing: |\n", f"      failing: |\n        {HOSTILE}\n        {'long ' * 60_000}\n")
        .replace("Yes, they are fine for four more days.", HOSTILE)
    )
    assert text.count("window.ran = 1") == 5
    library = write_cell(tmp_path / "library", text)
    with serving(library) as server, opened(browser, server) as (page, seen):
        assert HOSTILE in page.inner_text(".conversation")
        assert page.locator("article script, article img, article svg, article a").count() == 0
        press(page, "s")
        give_role(page)
        page.wait_for_selector(".revealed")
        press(page, "r")
        page.fill("textarea[name=reason]", HOSTILE)
        press(page, "Tab", "Enter")
        wait_for(page, "rejected.")
        assert HOSTILE in page.inner_text(".history")
        press(page, "e")
        assert page.input_value("textarea[name='system']") == HOSTILE
        page.fill("textarea[name='system']", HOSTILE * 2)
        press(page, "Control+Enter")
        wait_for(page, "edited.")
        page.reload()
        page.wait_for_selector("article")
        assert page.evaluate("window.ran") is None
        assert (seen.dialogs, seen.errors) == ([], [])
        page.evaluate(
            "() => { const s = document.createElement('script'); try { s.textContent = 'window.ran = 6'; } catch {} "
            "document.body.append(s); }"
        )
        assert page.evaluate("window.ran") is None, "not even a script within the page would run"
        assert "blocked" in seen.errors.pop()


def test_in_a_conflict_what_was_typed_stays(browser: Any, server: Server, library: Path) -> None:
    with opened(browser, server) as (page, _):
        press(page, "e")
        page.fill("textarea[name='system']", "My words.")
        theirs = changed(("four more days", "five more days"), ("stakes: moderate", "stakes: grave"))
        write_cell(library, theirs)
        press(page, "Control+Enter")
        give_role(page)
        wait_for(page, "was changed by another program")
        assert cell(library) == theirs
        assert page.input_value("textarea[name='system']") == "My words."
        page.get_by_role("button", name="Load the file as it is now").click()
        wait_for(page, "in the file now: Yes, they are fine for five more days.")
        assert page.input_value("textarea[name='system']") == "My words."
        assert page.input_value("select[name='tags.stakes']") == "grave"
        page.get_by_role("button", name="Save").click()
        wait_for(page, "edited.")
        assert cell(library) == theirs.replace("You answer for the district vaccine store.", "My words.")

        press(page, "r")
        page.fill("textarea[name=reason]", "Not enough.")
        write_cell(library, theirs)
        page.get_by_role("button", name="Reject", exact=True).last.click()
        wait_for(page, "your reason is still here")
        assert page.input_value("textarea[name=reason]") == "Not enough."
        page.get_by_role("button", name="Reject", exact=True).last.click()
        wait_for(page, "rejected.")


def test_a_refused_edit_points_at_its_field(browser: Any, server: Server, library: Path) -> None:
    with opened(browser, server) as (page, _):
        press(page, "e")
        page.fill("input[name='rubric[1].points']", "0")
        page.fill("textarea[name='messages[1].user']", "Kept although it is refused.")
        press(page, "Control+Enter")
        give_role(page)
        wait_for(page, "rubric[1].points is '0'; allowed is a number")
        assert page.evaluate("document.activeElement.name") == "rubric[1].points"
        assert page.get_attribute("input[name='rubric[1].points']", "aria-invalid") == "true"
        assert page.input_value("textarea[name='messages[1].user']") == "Kept although it is refused."
        press(page, "Tab")
        page.goto(f"{server.origin}/#/{OTHER}")
        wait_for(page, "Save or cancel the edit first.")
        page.get_by_role("button", name="Cancel").click()
        page.wait_for_selector("article")
        assert cell(library) == CELL


def test_a_server_started_again_takes_the_open_page(browser: Any, library: Path) -> None:
    with serving(library) as server, opened(browser, server) as (page, _):
        press(page, "e")
        page.fill("textarea[name='system']", "Typed before the end.")
        server.kill()
        press(page, "Control+Enter")
        give_role(page)
        wait_for(page, "The server does not answer")
        port = server.address.rpartition(":")[2]
        with serving(library, "--port", port):
            page.get_by_role("button", name="Save").click()
            wait_for(page, "edited.")
        assert "      Typed before the end.\n" in cell(library)


def test_a_page_of_another_site_cannot_post(browser: Any, server: Server, library: Path, tmp_path: Path) -> None:
    """A real page of another origin, in a browser that holds the session: a form, and fetch with and without CORS."""
    digest = "0" * 64
    body = json.dumps({"role": "human:nurse", "digest": digest})
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "index.html").write_text(
        f"""<!doctype html><title>evil</title><form method=post action="{server.origin}/api/accept/{ID}"
        enctype="text/plain"><input name='{{"role":"human:nurse","x":"' value='"}}'></form>"""
    )

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path / "evil"))

        def log_message(self, *arguments: Any) -> None:
            pass

    elsewhere = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_selector("article")
        answers: list[int] = []
        page.on("response", lambda response: answers.append(response.status) if "/api/" in response.url else None)
        page.goto(f"http://localhost:{elsewhere.server_address[1]}/")
        for mode, kind in (("no-cors", "text/plain"), ("cors", "application/json")):
            page.evaluate(
                "([url, mode, kind, body]) => fetch(url, {method: 'POST', mode, credentials: 'include', "
                "headers: {'Content-Type': kind}, body}).then(() => 1, () => 0)",
                [f"{server.origin}/api/accept/{ID}", mode, kind, body],
            )
        page.evaluate("document.forms[0].submit()")
        page.wait_for_url(f"{server.origin}/**")
        assert "changes are taken from this page only" in page.content()
        assert answers
        assert set(answers) == {403}
    finally:
        context.close()
        elsewhere.shutdown()
        elsewhere.server_close()
    assert cell(library) == CELL
    assert not (library.parent / "library.review.jsonl").exists()


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_everyone_can_use_every_view(browser: Any, server: Server, options: dict[str, Any]) -> None:
    with opened(browser, server, **options) as (page, _):

        def check(view: str) -> None:
            assert accessibility_problems(page) == [], view
            assert overflow(page) == 0, view

        check("situation")
        outline = "el => getComputedStyle(el).outlineStyle"
        press(page, "Tab")
        assert page.locator(":focus").evaluate(outline) == "solid", "the focus can be seen"
        for key, view in (("?", "help"), ("p", "progress"), ("r", "role")):
            press(page, key)
            page.wait_for_selector("dialog[open]")
            check(view)
            escape(page)
        press(page, "s")
        give_role(page)
        page.wait_for_selector(".revealed")
        check("verdicts")
        press(page, "r")
        page.wait_for_selector("#reject-dialog[open]")
        check("reason")
        escape(page)
        # By the button: on a loaded machine a key pressed while the dialog gives the focus back can be lost.
        page.get_by_role("button", name="Edit").click()
        page.wait_for_selector("form.edit")
        check("form")


def test_the_checks_of_a_page_can_fail(browser: Any) -> None:
    """A page with a field without a label, pale text, a wide block and a script that fails."""
    page = browser.new_page()
    seen = watch(page)
    page.set_content(
        "<html lang=en><title>t</title><main><h1>t</h1><input><p style='color:#ccc;background:#fff'>pale</p>"
        "<div style='width:3000px'>wide</div></main><script>missing()</script></html>"
    )
    found = "\n".join(accessibility_problems(page))
    assert "label: " in found
    assert "color-contrast: " in found
    assert overflow(page) > 1000
    assert "missing is not defined" in seen.errors[0]
    assert Watch(requests=["http://a.example/x", "http://127.0.0.1:5/y"]).outside("http://127.0.0.1:5") == [
        "http://a.example/x"
    ]
    page.close()
