"""Was the service monitored, and is it now?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.check_result import CheckResult, Limit, Quantity, Severity, Status, Table, moment, msg
from tasks.monitoring.facts import Gap, Monitored
from tasks.observation import Absent
from tasks.schedule.judge.monitoring import NEVER, OWN, judge_monitoring
from tasks.schedule.limits import ScheduleLimits

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
END = NOW.replace(second=0)
MINUTE = timedelta(minutes=1)
PASS, WARN, FAIL, UNKNOWN, SKIPPED = Status


def monitored(*gaps: tuple[int, int], minutes: int = 1000, begun: int = 1) -> Monitored:
    """So many minutes up to now, with gaps as (minutes ago, length)."""
    spans = tuple(Gap(END - ago * MINUTE, END - (ago - length) * MINUTE) for ago, length in gaps)
    return Monitored(END - minutes * MINUTE, END, spans, END - begun * MINUTE)


def judged(seen: Monitored) -> CheckResult:
    return judge_monitoring(seen, ScheduleLimits(), NOW)


@pytest.mark.parametrize(
    ("missing", "status"), [(0, PASS), (10, PASS), (11, WARN), (50, WARN), (51, FAIL), (999, FAIL)]
)
def test_the_share_of_minutes_that_nobody_monitored(missing: int, status: Status) -> None:
    found = judged(monitored((1000, missing)) if missing else monitored())
    assert (found.status, found.severity, found.observed) == (status, Severity.EMERGENCY, Quantity(missing / 10, "%"))
    assert found.reason.params == {"missing": missing, "minutes": 1000, "since": moment(END - 1000 * MINUTE)}
    assert found.limit == Limit("≤", 5.0 if status is FAIL else 1.0, "%", OWN)


@pytest.mark.parametrize(("ago", "status"), [(0, PASS), (2, PASS), (3, PASS), (4, FAIL), (2000, FAIL)])
def test_how_long_ago_the_last_minute_was_begun(ago: int, status: Status) -> None:
    found = judged(monitored(begun=ago))
    assert found.status is status
    if status is FAIL:
        assert (found.observed, found.limit) == (Quantity(ago, "min"), Limit("≤", 3, "min", OWN))
        assert "has stopped" in found.reason.text and found.reason.params == {"at": moment(END - ago * MINUTE)}


def test_a_watch_that_stopped_is_named_whatever_the_share() -> None:
    found = judged(monitored((500, 500), begun=500))
    assert found.status is FAIL and "has stopped" in found.reason.text


def test_the_longest_gaps_are_listed_in_the_order_of_time() -> None:
    long = [(900 - 10 * n, 3) for n in range(20)]
    found = judged(monitored((950, 1), *long, (100, 2)))
    [table] = found.evidence
    assert isinstance(table, Table) and table.title.params == {"gaps": 22}
    assert table.rows[0] == (moment(END - 900 * MINUTE), moment(END - 897 * MINUTE), 3)
    assert len(table.rows) == 20 and list(table.rows) == sorted(table.rows, key=lambda row: str(row[0]))
    assert judged(monitored()).evidence == ()


def test_what_was_never_monitored_is_unknown_and_what_is_not_asked_for_skipped() -> None:
    assert judge_monitoring(NEVER, ScheduleLimits(), NOW).status is UNKNOWN
    nothing = judge_monitoring(Absent(msg("nothing is asked for")), ScheduleLimits(), NOW)
    assert (nothing.status, nothing.reason.text) == (SKIPPED, "nothing is asked for")


def test_an_hour_at_least_is_needed_to_say_anything_of_a_day() -> None:
    found = judged(monitored(minutes=59))
    assert (found.status, found.reason.text) == (UNKNOWN, "Monitored only since {since}: too little for a day")
    assert judged(monitored(minutes=60)).status is PASS
    assert judged(monitored(minutes=59, begun=30)).status is FAIL
