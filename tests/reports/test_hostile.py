"""Text from outside is inert in every format."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from reports import artifacts, html, mail
from reports.charts.png import png
from reports.report import Report, Seal
from reports.terminal import terminal
from reports.text import plain
from reports.words import Words
from tasks.check_result import Chart, Curve, moment, verbatim

Say = Callable[[str], Words]
Sealed = Callable[[Report], Seal]
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(page)
    return parser.tags


def assert_inert(page: str) -> None:
    assert "\u202e" not in page
    for tag, attributes in tags(page):
        assert tag != "script"
        assert not any(name.startswith("on") for name in attributes)
        assert not (attributes.get("href") or "").startswith("javascript")
        assert not (attributes.get("src") or "data:").startswith("http")


def rendered(report: Report, seal: Seal, words: Words) -> mail.EmailMessage:
    return mail.render_mail(report, seal, words, sender="ops@example.com", recipient="a@example.com", base_url=None)


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_page_and_mail(hostile: Report, seal: Sealed, words: Say, locale: str) -> None:
    assert_inert(html.page(hostile, seal(hostile), words(locale), links=html.PageLinks()))
    body = rendered(hostile, seal(hostile), words(locale)).get_body(("html",))
    assert body is not None
    assert_inert(body.get_content())


def test_subject_and_headers_take_no_line_end(hostile: Report, seal: Sealed, words: Say) -> None:
    from dataclasses import replace

    evil = replace(hostile, service="shop\r\nBcc: evil@example.com\u202e", period="2026-11-24\nX: y")
    raw = rendered(evil, seal(evil), words("en")).as_bytes()
    head = raw.split(b"\r\n\r\n", 1)[0]
    names = [line.split(b":")[0].lower() for line in re.sub(rb"\r\n[ \t]", b" ", head).split(b"\r\n")]
    assert b"bcc" not in names
    assert b"x" not in names


@pytest.mark.parametrize("address", ["a@example.com\r\nBcc: b@example.com", "a@example.com\nX: y"])
def test_an_address_with_a_line_end_is_refused(good_day: Report, seal: Sealed, words: Say, address: str) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        mail.render_mail(
            good_day, seal(good_day), words("en"), sender="ops@example.com", recipient=address, base_url=None
        )


def test_text_and_terminal(hostile: Report, seal: Sealed, words: Say) -> None:
    console = Console(file=StringIO(), width=200, force_terminal=True)
    console.print(terminal(hostile, seal(hostile), words("en")))
    assert isinstance(console.file, StringIO)
    assert "[red]x[/red]" in console.file.getvalue()
    for text in (plain(hostile, seal(hostile), words("en")), console.file.getvalue()):
        assert "\u202e" not in text
        assert "\r" not in text
        assert "\nBcc" not in text


def test_markdown_artifact(hostile: Report, seal: Sealed, words: Say) -> None:
    page = MARKDOWN.render(artifacts.markdown(hostile, seal(hostile), words("en")))
    assert_inert(page)
    allowed = {"h1", "h2", "p", "strong", "blockquote", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "img"}
    assert {tag for tag, _ in tags(page)} <= allowed
    assert sum(tag == "img" for tag, _ in tags(page)) == 1


@given(st.text(alphabet='<>&"b/*_`[]()!#|~:.-+@w=$\\\n\t 1', max_size=40) | st.text(max_size=40))
def test_escaped_markdown_shows_the_text_itself(text: str) -> None:
    page = MARKDOWN.render(f"- x {artifacts.escaped(text)} y")
    assert {tag for tag, _ in tags(page)} <= {"ul", "li"}


@pytest.mark.usefixtures("quiet")
def test_a_chart_reads_no_mathematics_and_lacks_no_glyph(words: Say) -> None:
    chart = Chart(verbatim("$x$"), verbatim("f"), "😀", ("$\\frac{1}{0}$", "\u202e😀", "日本語"), (1.0, 2.0, -3.0), 1.5)
    assert png(chart, words("ja")).startswith(b"\x89PNG")


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("locale", ["ja", "en"])
def test_a_curve_reads_no_mathematics_and_lacks_no_glyph(words: Say, locale: str) -> None:
    at = tuple(moment(datetime(2026, 11, 24, tzinfo=UTC) + timedelta(days=n)) for n in range(3))
    unit = "$\\frac{1}{0}$ \u202e😀\n" * 40
    curve = Curve(verbatim("$x$"), verbatim("f"), unit, at, (1.0, None, -2.0), 1.5, (3.0, 2.0, 1.0))
    assert png(curve, words(locale)).startswith(b"\x89PNG")


def test_runbook_html_stays_text(words: Say) -> None:
    page = html.runbook(
        "# Disk\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n\n| a |\n|---|\n| b |", words("en")
    )
    assert_inert(page)
    assert "<td>b</td>" in page
