"""A mail that every client reads: its size, its parts, its ids."""

import email
import re
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from reports import mail
from reports.report import Report, Seal
from reports.words import Words
from tasks.check_result import Status

Say = Callable[[str], Words]
Sealed = Callable[[Report], Seal]


def rendered(
    report: Report, seal: Seal, words: Words, recipient: str = "sato@example.com", **changes: str
) -> EmailMessage:
    return mail.render_mail(
        report, seal, words, sender="opsrounds <ops@example.com>", recipient=recipient, base_url=changes.get("base_url")
    )


def html_of(message: EmailMessage) -> str:
    body = message.get_body(("html",))
    assert body is not None
    content: str = body.get_content()
    return content


@pytest.mark.deep
def test_500_failures_stay_small(many_failures: Report, seal: Sealed, words: Say) -> None:
    message = rendered(many_failures, seal(many_failures), words("ja"))
    page = html_of(message)
    assert len(page.encode()) <= 80_000
    assert len(message.as_bytes()) <= 2_000_000
    assert "ほか 490 件" in page
    assert "shop/daily-checklist/2026-11-24/r1/report.html" in page
    assert sum(part.get_content_type() == "image/png" for part in message.walk()) == 2
    assert all(len(part.get_content()) <= 100_000 for part in message.walk() if part.get_content_type() == "image/png")


def test_parts_and_pictures(bad_day: Report, seal: Sealed, words: Say) -> None:
    message = rendered(bad_day, seal(bad_day), words("en"))
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "multipart/related"]
    cids = {part["Content-ID"] for part in message.walk() if part["Content-ID"]}
    assert {f"<{cid}>" for cid in re.findall(r'src="cid:([^"]+)"', html_of(message))} == cids != set()


def test_charts_and_curves_count_alike(bad_day: Report, seal: Sealed, words: Say) -> None:
    failed = next(r for r in bad_day.results if r.check == "health.latency")
    (curve,) = next(r for r in bad_day.results if r.check == "resources.disk").evidence
    report = replace(bad_day, results=(replace(failed, evidence=(curve, *failed.evidence, curve)),), actions=())
    for each, alts in ((report, ("/var lost", "orders answers")), (bad_day, ("orders answers", "/var lost"))):
        message = rendered(each, seal(each), words("en"))
        assert sum(part.get_content_type() == "image/png" for part in message.walk()) == mail.MOST_CHARTS
        found = re.findall(r'<img[^>]* alt="([^"]+)"', html_of(message))
        assert [alt.startswith(begin) for alt, begin in zip(found, alts, strict=True)] == [True, True]


def test_a_good_round_shows_a_chart_of_what_passed(bad_day: Report, seal: Sealed, words: Say) -> None:
    disk = next(r for r in bad_day.results if r.check == "resources.disk")
    well = replace(disk, status=Status.PASS)
    for results, pictures in (((well,), 1), ((well, well), 2), ((replace(well, evidence=()),), 0), ((disk, well), 2)):
        report = replace(bad_day, results=results, actions=())
        message = rendered(report, seal(report), words("en"))
        assert sum(part.get_content_type() == "image/png" for part in message.walk()) == pictures


def test_nothing_is_fetched_and_no_link_without_an_address(bad_day: Report, seal: Sealed, words: Say) -> None:
    page = html_of(rendered(bad_day, seal(bad_day), words("en")))
    assert "http" not in page
    assert "href" not in page
    assert "@media (prefers-color-scheme: dark)" in page
    assert "!important" in page


def test_links_begin_with_the_address(bad_day: Report, seal: Sealed, words: Say) -> None:
    page = html_of(rendered(bad_day, seal(bad_day), words("en"), base_url="https://ops.example.com/r/"))
    assert 'href="https://ops.example.com/r/shop/daily-checklist/2026-11-24/r1/report.en.html"' in page


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_survives_the_wire(bad_day: Report, seal: Sealed, words: Say, locale: str) -> None:
    message = rendered(bad_day, seal(bad_day), words(locale))
    raw = message.as_bytes()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()
    again = email.message_from_bytes(raw, policy=SMTP)
    assert isinstance(again, EmailMessage)
    for name in ("Subject", "From", "Message-ID", "References", "List-Id", "Content-Language"):
        assert str(again[name]) == str(message[name])
    assert html_of(again).replace("\r\n", "\n") == html_of(message).replace("\r\n", "\n")
    assert again["Date"].datetime == bad_day.finished_at.replace(microsecond=0)


def test_ids(bad_day: Report, good_day: Report, seal: Sealed, words: Say) -> None:
    one = rendered(bad_day, seal(bad_day), words("ja"))
    again = rendered(bad_day, seal(bad_day), words("en"))
    other = rendered(bad_day, seal(bad_day), words("ja"), "tanaka@example.com")
    second = rendered(replace(bad_day, revision=2), seal(bad_day), words("ja"))
    assert re.fullmatch(r"<daily-checklist\.2026-11-24\.r1\.[0-9a-f]{12}@shop\.opsrounds>", one["Message-ID"])
    assert one["Message-ID"] == again["Message-ID"]
    assert len({m["Message-ID"] for m in (one, other, second)}) == 3
    assert len({m["References"] for m in (one, other, second, rendered(good_day, seal(good_day), words("ja")))}) == 1
    assert one["Auto-Submitted"] == "auto-generated"


def test_verdict_comes_first(bad_day: Report, good_day: Report, seal: Sealed, words: Say) -> None:
    bad, good = (rendered(r, seal(r), words("ja"))["Subject"] for r in (bad_day, good_day))
    assert bad == "[異常あり] shop 日次チェックリスト 2026-11-24"
    assert good == "[正常] shop 日次チェックリスト 2026-11-24"


def test_the_hash_stands_in_both_parts(bad_day: Report, seal: Sealed, words: Say) -> None:
    message = rendered(bad_day, seal(bad_day), words("ja"))
    text = message.get_body(("plain",))
    assert text is not None
    assert seal(bad_day).chained in text.get_content()
    assert seal(bad_day).chained in html_of(message)


def test_each_item_shows_its_first_chart_before_another_shows_its_second(
    bad_day: Report, seal: Sealed, words: Say
) -> None:
    failed = next(r for r in bad_day.results if r.check == "health.latency")
    disk = next(r for r in bad_day.results if r.check == "resources.disk")
    report = replace(bad_day, results=(failed, replace(failed, subject="b"), disk), actions=())
    found = re.findall(r'<img[^>]* alt="([^"]+)"', html_of(rendered(report, seal(report), words("en"))))
    assert [alt.split()[0] for alt in found] == ["orders", "/var"]
