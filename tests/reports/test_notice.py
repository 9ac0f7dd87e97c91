"""A notice: the same words in a chat, in a mail's text and in its HTML, whatever they hold."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

from reports.alert_test import alert_test
from reports.notice import Content, Notice, Post, notice
from reports.view import Tone
from reports.words import Words
from tasks.check_result import Severity

AT = datetime(2026, 11, 24, 0, 5, tzinfo=UTC)
POST = Post("ops@shop.example", "kim@shop.example", "alert/1/kim", "alert/1", AT)
EN = Words("en", "Asia/Tokyo")
FAIL = Tone("fail", "✕", "Emergency")
HOSTILE = "<script>alert(1)</script> & \x1b[31m \u202e \r\nBcc: x@evil.example"


class Page(HTMLParser):
    """The visible text of a page, and its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.links = "", list[str](), list[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def parts(made: Notice) -> tuple[str, Page]:
    mail = message_from_bytes(made.mail().as_bytes(), policy=policy.default)
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None and html is not None
    return str(text.get_content()), Page(str(html.get_content()))


def content(**more: object) -> Content:
    values: dict[str, object] = {
        "title": "disk full",
        "sentence": "The disk of host a is full.",
        "facts": (("Observed", "97 %"), ("Limit", "≤ 90 %")),
        "links": (("Runbook", "https://ops.example/checks/resources.disk.html"),),
        "notes": ("Acknowledge in Prefect.",),
    }
    return Content("shop", "production", FAIL, **values | more)  # type: ignore[arg-type]


def test_every_form_says_the_same() -> None:
    made = notice(content(), EN, POST)
    assert (made.tone, made.title) == ("fail", "[Emergency] disk full")
    assert made.text.splitlines() == [
        "The disk of host a is full.",
        "",
        "Observed: 97 %",
        "Limit: ≤ 90 %",
        "",
        "Runbook: https://ops.example/checks/resources.disk.html",
        "",
        "Acknowledge in Prefect.",
    ]
    text, page = parts(made)
    assert text.splitlines() == made.text.splitlines()
    for said in ("disk full", "The disk of host a is full.", "Observed", "97 %", "Runbook", "Acknowledge in Prefect."):
        assert said in page.text
    assert page.links == ["https://ops.example/checks/resources.disk.html"]


def test_the_same_message_has_the_same_id_and_its_thread() -> None:
    first, again, other = (
        notice(content(), EN, post).mail()
        for post in (POST, POST, Post(POST.sender, POST.recipient, "alert/2/kim", POST.thread, AT))
    )
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first["References"] == other["References"] not in (first["Message-ID"], other["Message-ID"])


def test_hostile_text_is_spelt_out_and_bounded() -> None:
    long = HOSTILE + "x" * 10_000
    made = notice(content(title=long, sentence=long, facts=((HOSTILE, long),) * 500, notes=(long,) * 500), EN, POST)
    text, page = parts(made)
    mail = made.mail()
    assert "script" not in page.tags and mail["Bcc"] is None
    for shown in (made.title, made.text, text, page.text):
        assert "\x1b" not in shown and "\u202e" not in shown
    assert len(made.title) <= 250 and len(made.text) < 60_000 and len(mail.as_bytes()) < 300_000


@pytest.mark.parametrize(("locale", "word"), [("en", "nothing is wrong"), ("ja", "異常はなく")])
def test_a_test_says_that_it_is_one(locale: str, word: str) -> None:
    words = Words(locale, "Asia/Tokyo")
    told = alert_test(
        words, "shop", "production", Severity.WARNING, by="kim", at=AT, recipient="slack", instead_of="pager"
    )
    text, page = parts(notice(told, words, POST))
    assert word in text and word in page.text
    assert "2026-11-24 09:05:00 Asia/Tokyo" in text and "pager" in text
