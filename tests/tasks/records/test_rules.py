"""What may be recorded, and how times are read: no database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tasks.errors import UsageError
from tasks.records.facts import Deploy, DeployOutcome, Maintenance, Origin, Outage
from tasks.records.rules import (
    RecordRefused,
    checked_by,
    checked_deploy,
    checked_maintenance,
    checked_outage,
    refuse_unannounced,
)
from tasks.records.versions import deploy_origin
from tasks.records.words import described, parse_outcome, parse_time, placed

TOKYO, BERLIN, UTC_ZONE = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
NOW = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DEPLOY = Deploy("1.4.2", "production", NOW - HOUR, NOW, DeployOutcome.SUCCEEDED, Origin.RECORDED, NOW - 2 * HOUR)
OUTAGE = Outage(NOW - HOUR, NOW, "orders", "disk full")
WINDOW = Maintenance(NOW + DAY, NOW + DAY + HOUR, None, "upgrade", NOW, "kim")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T14:05", "2026-11-24T05:05:00+00:00"),
        (" 2026-11-24 14:05:09 ", "2026-11-24T05:05:09+00:00"),
        ("2026-11-24T14:05:09.987654", "2026-11-24T05:05:09+00:00"),
        ("2026-11-24T14:05:09Z", "2026-11-24T14:05:09+00:00"),
        ("2026-11-24T14:05:09-05:30", "2026-11-24T19:35:09+00:00"),
        ("2026-11-24 14:05:09 +0900", "2026-11-24T05:05:09+00:00"),  # git's %ci
    ],
)
def test_a_time_without_an_offset_is_of_the_services_zone(text: str, expected: str) -> None:
    assert parse_time(text, TOKYO).isoformat() == expected


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-11-24", "2026-W48-2T14:05", "14:05", "2026-02-30T14:05", "2026-11-24T25:00",
     "2026-11-24T14:05+99:00", "２０２６-11-24T14:05", "1764000000"],
)  # fmt: skip
def test_an_unreadable_time_is_refused_with_the_format(text: str) -> None:
    with pytest.raises(
        RecordRefused, match="is not a time: a time is 2026-11-24T14:05, in the service's zone, or"
    ) as error:
        parse_time(text, TOKYO, "started_at")
    assert error.value.column == "started_at"
    assert isinstance(error.value, UsageError)


@pytest.mark.parametrize("year", [1, 1970, 1999, 2101, 9999])
def test_a_year_out_of_range_is_refused(year: int) -> None:
    for at in (datetime(year, 1, 1), datetime(year, 12, 31, 23, tzinfo=UTC)):
        with pytest.raises(RecordRefused, match=f"the year {year} is out of range"):
            placed(at, TOKYO)


def test_a_local_time_that_clocks_skip_or_repeat_needs_an_offset() -> None:
    with pytest.raises(RecordRefused, match=r"2026-03-29 02:30 does not exist in Europe/Berlin.*give an offset"):
        parse_time("2026-03-29T02:30", BERLIN)
    with pytest.raises(RecordRefused, match=r"2026-10-25 02:30 comes twice in Europe/Berlin.*give an offset"):
        parse_time("2026-10-25T02:30", BERLIN)
    assert parse_time("2026-10-25T02:30+02:00", BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert parse_time("2026-03-29T03:00", BERLIN) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert parse_time("2026-10-25T03:00", BERLIN) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


def test_an_outcome_is_one_of_three() -> None:
    assert parse_outcome(" rolled-back ") is DeployOutcome.ROLLED_BACK
    with pytest.raises(RecordRefused, match="'success' is not an outcome; allowed: succeeded, failed, rolled-back"):
        parse_outcome("success")


def test_a_valid_record_is_kept_in_utc_to_the_second() -> None:
    local = (NOW - HOUR).astimezone(TOKYO).replace(microsecond=999_999)
    kept = checked_deploy(replace(DEPLOY, version=" 1.4.2 ", started_at=local), NOW)
    assert kept == DEPLOY
    assert kept.started_at.tzinfo is UTC
    assert checked_outage(replace(OUTAGE, cause=" disk \n full\t"), ("orders",), NOW) == OUTAGE
    assert checked_maintenance(replace(WINDOW, module=" "), ("orders",)) == WINDOW


@pytest.mark.parametrize(
    ("change", "column", "message"),
    [
        ({"version": " "}, "version", "version must have 1 to 80 characters"),
        ({"version": "v" * 81}, "version", "version must have 1 to 80 characters"),
        ({"version": "1.4\x1b[2J"}, "version", "contains invisible characters"),
        ({"environment": ""}, "environment", "environment must have 1 to 40 characters"),
        ({"started_at": NOW + 6 * MINUTE, "ended_at": None}, "started_at", "12:06 UTC is in the future"),
        ({"ended_at": NOW + 6 * MINUTE}, "ended_at", "12:06 UTC is in the future: leave it out"),
        ({"ended_at": NOW - HOUR - timedelta(seconds=1)}, "ended_at", "a deploy must end after it starts"),
        ({"commit_at": NOW - HOUR + timedelta(seconds=1)}, "commit_at", "the commit is newer than its deploy"),
    ],
)
def test_a_deploy_that_cannot_be_true_is_refused(change: dict[str, Any], column: str, message: str) -> None:
    with pytest.raises(RecordRefused, match=message) as error:
        checked_deploy(replace(DEPLOY, **change), NOW)
    assert error.value.column == column


def test_what_is_just_possible_of_a_deploy_is_taken() -> None:
    at_once = replace(DEPLOY, version="v" * 80, ended_at=DEPLOY.started_at, commit_at=DEPLOY.started_at)
    assert checked_deploy(at_once, NOW) == at_once
    ahead = replace(DEPLOY, started_at=NOW + 5 * MINUTE, ended_at=NOW + 5 * MINUTE)  # another machine's clock
    assert checked_deploy(ahead, NOW) == ahead


@pytest.mark.parametrize(
    ("change", "column", "message"),
    [
        ({"ended_at": NOW - HOUR}, "ended_at", "an outage must end after it starts"),
        ({"ended_at": NOW - 2 * HOUR}, "ended_at", "an outage must end after it starts"),
        ({"started_at": NOW + HOUR, "ended_at": None}, "started_at", "record an outage once it has started"),
        ({"cause": " \n"}, "cause", "needs a cause"),
        ({"cause": "x" * 1001}, "cause", "cause has 1001 characters: shorten it to at most 1000"),
        ({"module": "order"}, "module", "no module 'order' in the service file; known modules: orders, users"),
        ({"incident_id": 0}, "incident_id", "an incident number"),
        ({"incident_id": 2**31}, "incident_id", "an incident number"),
    ],
)
def test_an_outage_that_cannot_be_true_is_refused(change: dict[str, Any], column: str, message: str) -> None:
    with pytest.raises(RecordRefused, match=message) as error:
        checked_outage(replace(OUTAGE, **change), ("users", "orders"), NOW)
    assert error.value.column == column


def test_modules_are_only_known_where_the_service_names_some() -> None:
    assert checked_outage(replace(OUTAGE, module="billing"), (), NOW).module == "billing"
    assert checked_outage(replace(OUTAGE, module=None), ("users",), NOW).module is None


@pytest.mark.parametrize(
    ("change", "column", "message"),
    [
        ({"ends_at": NOW + DAY}, "ends_at", "must end after it starts"),
        ({"ends_at": NOW + 32 * DAY + timedelta(seconds=1)}, "ends_at", "has at most 31 days: split it"),
        ({"reason": ""}, "reason", "needs a reason"),
        ({"module": "order"}, "module", "no module 'order'"),
        ({"declared_by": ""}, "declared_by", "the name of the recorder is missing"),
    ],
)
def test_a_window_that_cannot_be_true_is_refused(change: dict[str, Any], column: str, message: str) -> None:
    with pytest.raises(RecordRefused, match=message) as error:
        checked_maintenance(replace(WINDOW, **change), ("orders",))
    assert error.value.column == column


def test_a_window_may_have_31_days_whatever_the_clocks_do() -> None:
    start = datetime(2026, 10, 1, tzinfo=BERLIN)  # in October 2026 Berlin has 31 days and one hour
    month = replace(WINDOW, starts_at=start, ends_at=datetime(2026, 11, 1, tzinfo=BERLIN))
    with pytest.raises(RecordRefused, match="at most 31 days"):
        checked_maintenance(month, ())
    assert checked_maintenance(replace(month, ends_at=start.astimezone(UTC) + 31 * DAY), ()).starts_at == start


def test_a_window_that_has_begun_needs_a_reason_for_that() -> None:
    refuse_unannounced(replace(WINDOW, declared_at=WINDOW.starts_at))
    late = replace(WINDOW, declared_at=WINDOW.starts_at + timedelta(seconds=1))
    with pytest.raises(RecordRefused, match=r"the window has already started: .*give a late reason"):
        refuse_unannounced(late)
    refuse_unannounced(replace(late, late_reason="the disk could not wait"))


def test_the_name_of_the_recorder_is_required() -> None:
    assert checked_by(" kim\x07 ") == "kim\\u0007"
    assert len(checked_by("k" * 79 + "\x00\x00")) == 80  # what is spelt out takes more room
    with pytest.raises(RecordRefused, match="the name of the recorder is missing"):
        checked_by("  ")


def test_a_time_without_zone_is_a_bug() -> None:
    with pytest.raises(ValueError, match="without zone"):
        checked_deploy(replace(DEPLOY, started_at=datetime(2026, 11, 25)), NOW)


def test_a_record_is_described_by_what_names_it() -> None:
    assert described(DEPLOY, TOKYO) == ("deploy of 1.4.2 to production, succeeded, from 2026-11-25 20:00:30 Asia/Tokyo")
    assert described(replace(OUTAGE, ended_at=None), UTC_ZONE) == (
        "outage of orders, ongoing, from 2026-11-25 11:00:30 UTC"
    )
    assert described(WINDOW, UTC_ZONE) == "maintenance of the service, from 2026-11-26 12:00:30 UTC"


V1 = replace(DEPLOY, version="v1", started_at=NOW - 3 * DAY, ended_at=NOW - 3 * DAY)


def recorded(
    version: str, ago: timedelta, outcome: DeployOutcome = DeployOutcome.SUCCEEDED, took: timedelta = MINUTE
) -> Deploy:
    return Deploy(version, "production", NOW - ago - took, NOW - ago, outcome, Origin.RECORDED)


@pytest.mark.parametrize(
    ("known", "version", "expected"),
    [
        ([], "v1", Origin.FIRST_SEEN),
        ([V1], "v1", None),
        ([V1], "v2", Origin.INFERRED),
        # On its way, both versions may be seen: up to an hour after its end.
        ([recorded("v2", 59 * MINUTE), V1], "v1", None),
        ([recorded("v2", 59 * MINUTE, took=DAY), V1], "v1", None),
        ([recorded("v2", HOUR), V1], "v1", Origin.INFERRED),
        ([recorded("v2", HOUR), V1], "v2", None),
        # After one that failed, the version before it is no new one; another is.
        ([recorded("v2", HOUR, DeployOutcome.FAILED), V1], "v1", None),
        ([recorded("v2", HOUR, DeployOutcome.ROLLED_BACK), V1], "v1", None),
        ([recorded("v2", HOUR, DeployOutcome.FAILED), V1], "v3", Origin.INFERRED),
        ([recorded("v3", HOUR, DeployOutcome.FAILED), recorded("v2", 2 * HOUR, DeployOutcome.FAILED), V1], "v1", None),
        # One that ends later is newer, although it began before the other.
        (
            [
                replace(V1, started_at=NOW - 2 * HOUR, ended_at=None),
                recorded("v2", HOUR, DeployOutcome.FAILED, 9 * HOUR),
            ],
            "v2",
            None,
        ),
    ],
)  # fmt: skip
def test_the_running_version_gives_the_origin_of_a_deploy(
    known: list[Deploy], version: str, expected: Origin | None
) -> None:
    assert deploy_origin(known, version, NOW) is expected
