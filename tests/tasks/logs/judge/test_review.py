"""All judges of the logs together: what is in doubt is not green, and what was found stays found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.check_result import Message, Status, msg
from tasks.logs.count.batch import Lines
from tasks.logs.facts import HourCounts, LogReview, ModuleLines, SecurityHour, SourceHour, SourceLines, SourceRead
from tasks.logs.judge.review import error_lines, judge_review, needed_fields
from tasks.logs.settings import Fields, Logs, Source
from tasks.observation import Unobserved

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
SINCE = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
APP = Source(name="app", kind="file", paths=("app.log",), requests=False)
READ = SourceRead("app", 12, ())
GONE = Unobserved(msg("No file matches"))
BUSY = ModuleLines("orders", 2400, 30, 0, 100, 0, recent_lines=150, usual_lines=100, usual_day_lines=2400, days=7)


def review(*modules: ModuleLines, parsed: int = 2400) -> LogReview:
    counts = Lines(lines=parsed, parsed=parsed, requests=100)
    newest = NOW - timedelta(minutes=1)
    counted = HourCounts(100, 100, 0, 0)
    busy = tuple(SourceHour(SINCE + timedelta(hours=h), counted, counted) for h in range(24))
    lines = SourceLines(
        "app", counts, busy, {SINCE: {"": 2400, "timestamp": 2400, "level": 2400}}, newest, 1, 0, (), (), False
    )
    hours = tuple(SecurityHour(SINCE + timedelta(hours=h), 0, 0) for h in range(25))
    return LogReview(SINCE, NOW, 0, (lines,), modules or (BUSY,), (), (), hours, ())


def judged(read: SourceRead | Unobserved, module: ModuleLines = BUSY) -> tuple[dict[str, Status], Message | None]:
    results, doubt = judge_review(Logs(source=(APP,)), ("orders",), {"app": read}, review(module), NOW)
    return {result.check: result.status for result in results}, doubt


def test_a_log_that_was_read_to_its_end_is_in_no_doubt() -> None:
    statuses, doubt = judged(READ)
    assert doubt is None
    assert statuses["logs.source"] is statuses["logs.error-share"] is statuses["logs.silent-module"] is Status.PASS


def test_of_a_log_that_was_not_read_nothing_is_green_and_what_was_found_stays_found() -> None:
    statuses, doubt = judged(GONE, replace(BUSY, bad=50))
    assert doubt is not None and Status.PASS not in statuses.values()
    assert statuses["logs.error-share"] is Status.FAIL


def test_a_silence_in_a_log_that_was_not_read_is_none() -> None:
    silent = replace(BUSY, recent_lines=0, lines=0)
    assert judged(READ, silent)[0]["logs.silent-module"] is Status.FAIL
    assert judged(GONE, silent)[0]["logs.silent-module"] is Status.UNKNOWN


def test_a_service_without_a_log_is_skipped_and_in_no_doubt() -> None:
    results, doubt = judge_review(Logs(), (), {}, None, NOW)
    assert {result.status for result in results} == {Status.SKIPPED} and doubt is None


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"requests": True}, ("timestamp", "status", "duration")),
        ({"requests": False}, ("timestamp",)),
        ({"requests": True, "format": "combined"}, ("timestamp", "status")),
        ({"requests": False, "format": "combined"}, ("timestamp",)),
        ({"requests": False, "fields": Fields(error="err", level="lvl")}, ("timestamp", "level")),
    ],
)
def test_lines_must_hold_what_is_counted_by_and_what_the_service_file_names(
    changed: dict[str, Any], fields: tuple[str, ...]
) -> None:
    assert needed_fields(Source(name="app", kind="file", paths=("app.log",), **changed)) == fields


def test_error_lines_of_what_was_not_read_are_not_none() -> None:
    assert error_lines(review(BUSY, replace(BUSY, module="users", errors=4))) == 34.0
    assert error_lines(review(parsed=0)) is error_lines(None) is None
