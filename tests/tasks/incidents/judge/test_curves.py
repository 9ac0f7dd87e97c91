"""Figures around an incident: what is shown of its time, and the marks in it."""

from datetime import UTC, datetime, timedelta

from tasks.check_result import Severity, in_english, moment, msg
from tasks.incidents.facts import EntryKind, Incident, IncidentRecord, State, TimelineEntry
from tasks.incidents.judge.curves import curve_of, marks_of, span_of

AT = datetime(2026, 11, 24, 3, 0, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIRST = int(AT.timestamp() // 60)
TITLE = msg("Readiness")


def record(*entries: tuple[timedelta, EntryKind]) -> IncidentRecord:
    incident = Incident(1, "down", None, Severity.EMERGENCY, State.DETECTED, AT, AT, "monitoring")
    timeline = tuple(TimelineEntry(AT + after, AT + after, "sato", kind, "") for after, kind in entries)
    return IncidentRecord(incident, timeline, (), ())


def test_the_figure_of_the_present_minute_is_shown_and_nothing_before_the_first_one() -> None:
    span = span_of(record().incident, AT + MINUTE)
    curve = curve_of(TITLE, "", {FIRST - 1: 1.0, FIRST: 0.0, FIRST + 1: 1.0}, span, limit=1.0, worse="under")
    assert curve.values == (1.0, 0.0, 1.0)
    assert curve.at[0] == moment(AT - MINUTE)
    assert in_english(curve.finding) == "0.0 to 1.0, limit 1.0; parts without a figure: 0"


def test_a_gap_is_shown_but_for_a_last_minute_whose_figure_has_not_come_yet() -> None:
    span = span_of(record().incident, AT + 3 * MINUTE)
    assert curve_of(TITLE, "ms", {FIRST - 1: 5.0, FIRST + 2: 7.0}, span).values == (5.0, None, None, 7.0)
    assert curve_of(TITLE, "ms", {FIRST - 1: 5.0}, span).values == (5.0, None, None, None)
    assert set(curve_of(TITLE, "ms", {}, span).values) == {None}


def test_marks_of_one_minute_with_one_name_are_one_and_those_outside_the_figures_are_none() -> None:
    done = record(*((timedelta(seconds=n), EntryKind.ACTION_RUN) for n in range(3)), (MINUTE, EntryKind.RESOLVED))
    span = span_of(done.incident, AT + MINUTE)
    marks = marks_of(done, (), span)
    assert [in_english(mark.label) for mark in marks if not isinstance(mark.label, str)] == [
        "impact",
        "action",
        "resolved",
    ]
    late = curve_of(TITLE, "", {FIRST + 1: 1.0}, span, marks)
    assert [mark.at for mark in late.marks] == [moment(AT + MINUTE)]
