"""The page of an incident and the index of all: what is known, what is missing, hostile text."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from reports.html import PageLinks
from reports.incident_archive import write_incident, write_incidents
from reports.incident_page import ENTRIES, IncidentFacts, incident_page, incidents_index
from reports.words import Words
from tasks.check_result import Severity, msg
from tasks.incidents.facts import (
    ActionItem,
    ActionKind,
    EntryKind,
    Fix,
    Impact,
    Incident,
    IncidentRecord,
    State,
    TimelineEntry,
)
from tasks.incidents.judge.curves import curve_of, marks_of, span_of
from tasks.records.facts import Deploy, DeployOutcome, Origin, Outage

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOSTILE = "<script>alert(1)</script>\u202e <img src=x onerror=alert(1)> {{ 7*7 }}"
EN, JA = Words("en", "Asia/Tokyo"), Words("ja", "Asia/Tokyo")


def facts(state: State = State.CLOSED, **more: Any) -> IncidentFacts:
    """An incident with everything."""
    incident = Incident(
        id=7,
        title="no database",
        module="shopping",
        severity=Severity.EMERGENCY,
        state=state,
        detected_at=AT,
        impact_at=AT - 5 * MINUTE,
        opened_by="alerts",
        down=True,
        acknowledged_at=AT + 2 * MINUTE,
        acknowledged_by="kim",
        mitigated_at=AT + 15 * MINUTE,
        fix=Fix.TEMPORARY,
        resolved_at=AT + 25 * MINUTE,
        cause="full disk",
        went_well="found at once",
        went_badly="no runbook",
    )
    timeline = tuple(
        TimelineEntry(AT + n * MINUTE, AT + n * MINUTE, "kim", kind, f"text {n}") for n, kind in enumerate(EntryKind)
    )
    record = IncidentRecord(
        replace(incident, **more),
        timeline,
        (ActionItem(3, "a second replica", "lee", date(2026, 11, 25), ActionKind.PERMANENT_FIX),),
        (Outage(AT - 5 * MINUTE, AT + 25 * MINUTE, "shopping", "full disk", 7),),
    )
    deploy = Deploy("1.4.2", "production", AT - 9 * MINUTE, None, DeployOutcome.SUCCEEDED, Origin.RECORDED)
    span = span_of(record.incident, AT + 60 * MINUTE)
    measured = [minute for minute in range(*span) if not span[0] + 9 < minute < span[0] + 20]
    figures = {minute: 900.0 if minute % 7 else 90.0 for minute in measured}
    curve = curve_of(msg("{sample} of {subject}", sample="probe.ready.latency", subject="api-1"), "ms", figures, span,
                     marks_of(record, (deploy,), span), 200.0)  # fmt: skip
    return IncidentFacts(
        service="shop",
        environment="production",
        record=record,
        curves=(curve,),
        impact=Impact(29, 21.6),
        now=AT + timedelta(days=2),
    )


def page(given: IncidentFacts, words: Words = EN) -> str:
    return incident_page(given, words, PageLinks())


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(html)
    return parser.found


def test_the_state_stands_first_and_everything_known_is_there() -> None:
    html = page(facts())
    assert html.index("It was resolved after 25 min, and its retrospective is written.") < html.index("Timeline")
    for text in (
        "Incident 7",
        "no database",
        "2026-11-24 11:55:00 Asia/Tokyo",
        "2026-11-24 12:02:00 Asia/Tokyo · kim",
        "29 min of downtime of the whole service, 134.3 % of the month&#39;s error budget of 21.6 min",
        "full disk",
        "a second replica",
        "overdue",
        "found at once",
        "Not written yet.",  # where it got lucky
        *(ENTRIES[kind].text for kind in EntryKind),
    ):
        assert text in html
    [image] = [attributes for tag, attributes in tags(html) if tag == "img"]
    assert str(image["src"]).startswith("data:image/png;base64,")
    assert image["alt"] == "90 to 900 ms, limit 200 ms; parts without a figure: 10"
    assert "script" not in [tag for tag, _ in tags(html)]


def test_a_timeline_names_the_parts_of_a_retrospective_as_the_page_does() -> None:
    given = facts()
    entry = TimelineEntry(AT, AT, "kim", EntryKind.REVIEW, "cause, went well, went_badly")
    written = replace(given, record=replace(given.record, timeline=(entry,)))
    assert "Causes, What went well, What went badly</td>" in page(written)
    assert "原因, うまくいったこと, うまくいかなかったこと</td>" in page(written, JA)


def test_the_same_page_in_japanese() -> None:
    html = page(facts(), JA)
    assert '<html lang="ja">' in html
    for text in ("25 分で解決し、振り返りも完了しました。", "うまくいかなかったこと", "期限超過", "タイムライン"):
        assert text in html


@pytest.mark.parametrize(
    ("state", "tone", "sentence"),
    [
        (State.RESPONDING, "fail", "It has been going on for 2,880 min."),
        (State.RESOLVED, "warn", "It was resolved after 25 min; its retrospective is open."),
        (State.FALSE_POSITIVE, "skipped", "Nothing was wrong."),
        (State.MERGED, "skipped", "It is a part of incident 6."),
    ],
)
def test_each_state_has_its_tone_and_sentence(state: State, tone: str, sentence: str) -> None:
    resolved = AT + 25 * MINUTE if state is State.RESOLVED else None
    html = page(facts(state, resolved_at=resolved, merged_into=6 if state is State.MERGED else None))
    assert f'<section class="verdict {tone}"' in html
    assert sentence in html


def test_of_a_new_incident_the_retrospective_is_a_draft() -> None:
    new = facts(State.DETECTED, cause="", went_well="", went_badly="", resolved_at=None)
    unseen = replace(new, impact=Impact(29, 21.6, 12))
    assert "At least 29 min of downtime of the whole service" in page(unseen) and "12 min were not measured" in page(
        unseen
    )
    bare = replace(new, record=replace(new.record, actions=(), outages=()), curves=(), impact=Impact(None, None))
    html = page(bare)
    for text in ("draft", "None yet.", "No figures of this time are on record.", "is not known"):
        assert text in html
    assert html.count("Not written yet.") == 4


def test_an_entry_by_a_clock_that_was_behind_says_so() -> None:
    given = facts()
    back = TimelineEntry(AT, AT - 10 * MINUTE, "kim", EntryKind.NOTE, "late")
    assert "recorded by a clock that was behind" not in page(given)
    assert "recorded by a clock that was behind" in page(replace(given, record=replace(given.record, timeline=(back,))))


def test_hostile_texts_stay_texts() -> None:
    given = facts(title=HOSTILE, cause=HOSTILE, went_well=HOSTILE, no_actions_reason=HOSTILE, acknowledged_by=HOSTILE,
                  module=HOSTILE)  # fmt: skip
    entry = TimelineEntry(AT, AT, HOSTILE, EntryKind.NOTE, f"{HOSTILE}\n{HOSTILE}")
    item = ActionItem(3, HOSTILE, HOSTILE, date(2026, 11, 25), ActionKind.OTHER)
    outage = replace(given.record.outages[0], module=HOSTILE)
    record = replace(given.record, timeline=(entry,), actions=(item,), outages=(outage,))
    hostile = replace(given, service=HOSTILE, record=record)
    listed = incidents_index(HOSTILE, [record.incident], AT, EN, PageLinks(), "index.html")
    for html in (page(hostile), page(hostile, JA), listed):
        assert "\u202e" not in html and "{{ 7*7 }}" in html
        assert [tag for tag, _ in tags(html) if tag == "script"] == []
        assert not [a for tag, a in tags(html) if tag == "img" and not str(a["src"]).startswith("data:")]


def test_the_pages_lie_in_the_archive_in_every_language(tmp_path: Path) -> None:
    given = facts()
    written = write_incident(given, "Asia/Tokyo", tmp_path, ("ja", "en"))
    assert written == tmp_path / "shop/incidents/7/index.html"
    assert 'lang="ja"' in written.read_text() and 'href="index.en.html"' in written.read_text()
    assert "It was resolved" in written.with_name("index.en.html").read_text()
    listed = [given.record.incident, replace(given.record.incident, id=8, detected_at=AT + MINUTE, title="second")]
    assert write_incidents("shop", listed, AT, "Asia/Tokyo", tmp_path, ("ja", "en"))
    assert not write_incidents("shop", listed, AT, "Asia/Tokyo", tmp_path, ("ja", "en"))
    html = (tmp_path / "shop/incidents/index.en.html").read_text()
    assert html.index('href="8/index.en.html"') < html.index('href="7/index.en.html"')
    assert (tmp_path / "shop/incidents/7/index.en.html").is_file()
