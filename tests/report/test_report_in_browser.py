"""The page in a real browser: hostile text in it, the filter, paper, phones, and without the script."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hostile import HUGE, PLANTED, write_page

from browser import Watch, accessibility_problems, chromium, overflow, watch

pytestmark = pytest.mark.slow

PHONE = {"width": 360, "height": 740}
SHOWN = "#rollouts .reading:not([hidden])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    write_page(folder)
    return folder / "report.html"


@contextmanager
def opened(browser: Any, file: Path, **options: Any) -> Iterator[tuple[Any, Watch]]:
    """The page in a fresh profile; whatever is done with it, nothing of it may run, ask for anything or go wrong."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(15_000)
    seen = watch(page)
    try:
        page.goto(file.as_uri())
        yield page, seen
        assert seen.errors == []
        assert seen.dialogs == []
        assert {url.partition("#")[0] for url in seen.requests} == {file.as_uri()}
    finally:
        context.close()


def count(page: Any) -> str:
    return str(page.inner_text("#filter-count"))


def field(page: Any, label: str) -> Any:
    return page.locator("#filter").get_by_label(label)


def choices(page: Any, select: str) -> list[str]:
    return list(page.eval_on_selector_all(f"{select} option", "all => all.map((one) => one.textContent)"))


def test_planted_text_is_read_and_not_run(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as (page, _):
        assert page.locator("script").count() == 1
        assert page.locator("#rollouts img, #rollouts a, #rollouts svg").count() == 0
        assert page.locator(f"{SHOWN} pre").first.text_content().endswith(PLANTED)
        page.get_by_role("button", name="Open all shown").click()
        assert page.locator("#rollouts details:not([open])").count() == 0
        assert "{{ 7 * 7 }}" in page.inner_text("#rollouts .reading >> nth=0")


def test_a_script_that_is_put_into_the_page_is_blocked(browser: Any, page_file: Path, tmp_path: Path) -> None:
    """The policy itself, as if escaping had failed: neither a script nor a handler runs, and nothing is fetched."""
    broken = tmp_path / "broken.html"
    planted = "<script>window.ran = 1</script><img src='https://example.org/x.png' onerror='window.ran = 2'>"
    broken.write_text(page_file.read_text().replace("</h1>", f"{planted}</h1>"))
    context = browser.new_context()
    page = context.new_page()
    seen = watch(page)
    page.goto(broken.as_uri())
    assert page.evaluate("window.ran") is None
    assert count(page).endswith("shown"), "the page's own script runs"
    assert len(seen.errors) == 3
    assert all("Content Security Policy" in error for error in seen.errors)
    context.close()


def test_the_filter_by_group_kind_and_words(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as (page, _):
        num_all = page.locator(SHOWN).count()
        assert count(page) == f"{num_all} of {num_all} shown"
        assert choices(page, "#filter-kind") == ["all", "best", "worst", "most changed"]
        groups = choices(page, "#filter-group")
        assert groups[0] == "everything"
        assert len(groups) == 1 + 2 + 55 + 6, "traits, benchmarks and arms"

        field(page, "Kind").select_option("worst")
        worst = page.locator(SHOWN)
        assert count(page) == f"{worst.count()} of {num_all} shown"
        assert {text.split(":")[0] for text in worst.locator("summary b").all_text_contents()} == {"worst"}

        field(page, "From").select_option(label="truthfulness")
        assert count(page) == f"1 of {num_all} shown"
        assert page.locator("#rollouts .group:visible h4").all_text_contents() == ["truthfulness"]
        assert page.locator("#rollouts .shelf:visible").count() == 1

        field(page, "Kind").select_option("all")
        field(page, "From").select_option("")
        field(page, "With the words").fill("BENCH-07  asks")
        assert page.locator("#rollouts .group:visible").count() == 1
        assert "Benchmark 7" in page.inner_text("#rollouts .group:visible h4")
        field(page, "With the words").fill("<script> nowhere-in-the-page")
        assert count(page) == f"0 of {num_all} shown"
        assert page.locator("#rollouts .shelf:visible").count() == 0
        field(page, "With the words").fill("")
        assert count(page) == f"{num_all} of {num_all} shown"


def test_with_the_keyboard_alone(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as (page, _):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the contents"
        page.focus("#filter-group")
        page.keyboard.press("Tab")
        page.keyboard.press("b")
        page.keyboard.press("Tab")
        page.keyboard.type("bench-07 asks")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        shown = page.locator(SHOWN)
        assert shown.count() == 1
        assert shown.get_attribute("open") is not None
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
        page.keyboard.press("Enter")
        assert shown.get_attribute("open") is None


def test_without_the_script_everything_can_be_read(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, java_script_enabled=False) as (page, _):
        assert page.locator("#filter").is_hidden()
        reading = page.locator("#rollouts .reading").last
        assert reading.is_visible()
        reading.locator("summary").click()
        assert reading.locator("pre").last.is_visible()


def test_on_paper_everything_is_open(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as (page, _):
        texts = page.locator("#rollouts .reading pre")
        assert not texts.first.is_visible()
        page.emulate_media(media="print")
        assert texts.first.is_visible()
        assert texts.first.bounding_box()["height"] > 10
        assert page.locator("#filter, nav").first.is_hidden()


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_everyone_can_use_it(browser: Any, page_file: Path, options: dict[str, Any]) -> None:
    with opened(browser, page_file, **options) as (page, _):
        page.locator("#rollouts .reading summary").first.click()
        page.locator("#spread details summary").first.click()
        assert accessibility_problems(page) == []
        assert overflow(page) == 0


def test_huge_words_everywhere_keep_the_page_small_and_narrow(browser: Any, tmp_path: Path) -> None:
    html, _ = write_page(tmp_path, text=HUGE)
    assert len(html.encode()) < 5_000_000
    assert "(198,500 characters more)" in html
    with opened(browser, tmp_path / "report.html", viewport=PHONE) as (page, _):
        page.locator("#rollouts .reading summary").first.click()
        assert overflow(page) == 0
