"""The page and the mail in a real browser: nothing overflows, everything can be read."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, sync_playwright

from reports import html, mail
from reports.html import IndexEntry
from reports.report import Report, Seal
from reports.words import Words
from tasks.check_result import Status, Table, verbatim
from tasks.guide.judge import Verdict

Say = Callable[[str], Words]
Sealed = Callable[[Report], Seal]
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH"),
]

# The contrast of every piece of text with what lies behind it, as WCAG 2 computes it.
CONTRAST = """() => {
  const parse = (c) => { const n = c.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; if (c[3] > 0) return [NaN, 0, 0];
  } return [255, 255, 255, 1]; };
  const poor = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || !e.checkVisibility() || ["SCRIPT", "STYLE", "OPTION"].includes(e.tagName)) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    seen += 1;
    if (!((a + 0.05) / (b + 0.05) >= 4.5)) poor.push([text, (a + 0.05) / (b + 0.05)]);
  }
  return {seen, poor};
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=180_000)
        yield started
        started.close()


@pytest.fixture
def pages(bad_day: Report, hostile: Report, seal: Sealed, words: Say, tmp_path: Path) -> dict[str, str]:
    links = html.PageLinks(
        index="i.html", previous="p.html", languages=(("en", "e.html"),), runbook=lambda c: f"{c}.html"
    )
    entry = IndexEntry(
        service="shop",
        flow="daily-checklist",
        period="2026-11-24",
        revision=2,
        href="x.html",
        verdict=Verdict.FAILED,
        counts=tuple((status, 3) for status in Status),
        finished_at=bad_day.finished_at,
        timezone="Asia/Tokyo",
    )
    entries = [
        replace(entry, verdict=v, period=f"2026-11-{n:02}", service=("shop", "mail")[n % 2])
        for n, v in enumerate(Verdict)
    ]
    message = mail.render_mail(
        bad_day, seal(bad_day), words("ja"), sender="a@b.c", recipient="a@b.c", base_url="https://x.example"
    )
    body = message.get_body(("html",))
    assert body is not None
    made = {
        "bad": html.page(bad_day, seal(bad_day), words("ja"), links=links),
        "english": html.page(bad_day, seal(bad_day), words("en"), links=links),
        "hostile": html.page(hostile, seal(hostile), words("ja"), links=links),
        "index": html.index([*entries, replace(entry, verdict=None, finished_at=None)], words("ja")),
        "runbook": html.runbook(
            "# 容量\n\n`df -h`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n    code " + "x" * 200, words("ja")
        ),
        "mail": body.get_content(),
    }
    for name, text in made.items():
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: (tmp_path / f"{name}.html").as_uri() for name in made}


# Tables that reach out of the boxes in which they would scroll: an ancestor cuts them, and nobody reads the rest.
CUT_OFF = """() => [...document.querySelectorAll('.proof table')].filter((table) => {
  const box = table.closest('.scroll'), right = (e) => e.getBoundingClientRect().right;
  return getComputedStyle(box).overflowX !== 'auto' || right(box) > right(table.closest('.card'));
}).map((table) => table.textContent.slice(0, 60))"""


@pytest.mark.parametrize("width", [390, 768, 1280, 1600])
def test_nothing_overflows(browser: Browser, pages: dict[str, str], width: int) -> None:
    with browser.new_page(viewport={"width": width, "height": 844}) as page:
        for name, address in pages.items():
            page.goto(address)
            page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            assert page.evaluate(CUT_OFF) == [], name


def test_a_table_of_nine_columns_is_seen_whole_on_a_desktop(
    browser: Browser, bad_day: Report, seal: Sealed, words: Say, tmp_path: Path
) -> None:
    (warned,) = (r for r in bad_day.results if r.status is Status.WARN)
    columns = tuple(
        verbatim(name) for name in ("Long window, h", "Burn rate", "A total outage is detected after, s") * 3
    )
    wide = Table(verbatim("Wide"), columns, ((1440, 14.4, 0.083, 21018, 130, "no alert", 7113, 259.2, "exhausted"),))
    report = replace(bad_day, results=(replace(warned, status=Status.FAIL, evidence=(wide, *warned.evidence)),))
    file = tmp_path / "wide.html"
    file.write_text(html.page(report, seal(report), words("en"), links=html.PageLinks()), encoding="utf-8")
    with browser.new_page(viewport={"width": 1280, "height": 844}) as page:
        page.goto(file.as_uri())
        box = page.locator(".proof .scroll:has(table)")
        assert box.evaluate("(e) => e.scrollWidth <= e.clientWidth")
        assert page.locator(".proof img").bounding_box()["y"] < box.bounding_box()["y"]  # type: ignore[index]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast(browser: Browser, pages: dict[str, str], scheme: Scheme) -> None:
    with browser.new_page(color_scheme=scheme) as page:
        for name, address in pages.items():
            page.goto(address)
            page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
            found = page.evaluate(CONTRAST)
            assert found["seen"] > 3, name
            assert found["poor"] == [], name


def test_both_schemes_differ(browser: Browser, pages: dict[str, str]) -> None:
    grounds = set()
    for scheme in SCHEMES:
        with browser.new_page(color_scheme=scheme) as page:
            page.goto(pages["mail"])
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_one_heading_names_scopes_and_alt_texts(browser: Browser, pages: dict[str, str]) -> None:
    with browser.new_page() as page:
        for name, address in pages.items():
            page.goto(address)
            assert page.locator("h1").count() == 1, name
            assert page.locator("html[lang]").count() == 1, name
            assert page.locator("th:not([scope])").count() == 0 or name == "runbook", name
            assert page.locator("img:not([alt]), img[alt='']").count() == 0, name


def test_failing_results_are_open_and_index_filters(browser: Browser, pages: dict[str, str]) -> None:
    with browser.new_page() as page:
        page.goto(pages["bad"])
        assert page.locator("details.result[open]").count() == 2
        assert page.locator("details.result").count() == 11
        page.goto(pages["index"])
        assert page.locator("tbody tr:visible").count() == 6
        page.select_option("select[name=verdict]", "fail")
        assert page.locator("tbody tr:visible").count() == 1
        page.select_option("select[name=service]", "mail")
        assert page.locator("tbody tr:visible").count() == 0
        page.reload()
        assert page.locator("tbody tr:visible").count() == 0


def test_index_without_scripts_shows_everything(browser: Browser, pages: dict[str, str]) -> None:
    with browser.new_context(java_script_enabled=False) as context, context.new_page() as page:
        page.goto(pages["index"])
        assert page.locator("tbody tr:visible").count() == 6
        assert page.locator("form:visible").count() == 0
