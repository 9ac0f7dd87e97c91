"""Audit logs as real files: rotated, packed, silent, cut short, unreadable, or not there."""

import asyncio
import gzip
import json
import os
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tasks.check_result import CheckResult, Status, Table, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved
from tasks.security.audit.lines import OTHERS
from tasks.security.audit.look import judge_audit_now, judge_audit_week
from tasks.security.audit.observe import Wanted, read_audit
from tasks.security.checks import AUDIT, AUTHENTICATION, PRIVILEGES, RETENTION
from tasks.security.facts.audit import AuditLines, Hole
from tasks.security.settings import Audit
from tests.tasks.security.running import NOW, round_of, words

TOKYO = ZoneInfo("Asia/Tokyo")
TODAY = NOW.astimezone(TOKYO).date()
WEEK = [date(2026, 11, 16) + timedelta(days=n) for n in range(7)]
SETTINGS = '[security.audit]\npaths = ["audit.log", "audit.log.*"]\nretention_days = 30\n'


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=TOKYO)


def line(at: datetime | None, event: str | None = "order.shipped", **more: Any) -> bytes:
    data: dict[str, Any] = {"actor": "tanaka@example.com", **more}
    if at is not None:
        data["timestamp"] = at.astimezone(UTC).isoformat()
    if event is not None:
        data["event"] = event
    return json.dumps(data).encode() + b"\n"


def write(folder: Path, name: str, *lines: bytes, at: datetime | None = None, packed: bool = False) -> None:
    """A file last written to at a moment, that of the round by default."""
    content = b"".join(lines)
    (folder / name).write_bytes(gzip.compress(content) if packed else content)
    stamp = (at or NOW).timestamp()
    os.utime(folder / name, (stamp, stamp))


def daily(folder: Path, days: Mapping[date, tuple[bytes, ...]] | None = None) -> None:
    """A line of each of the last 31 days: the newest ten in the log, those before in packed files."""
    given = days or {}
    all_days = [TODAY - timedelta(days=n) for n in range(31, -1, -1)]
    lines = {day: given.get(day, (line(noon(day) - timedelta(hours=3)),)) for day in all_days}
    for old in (all_days[:11], all_days[11:22]):
        write(folder, f"audit.log.{old[0]}.gz", *(x for d in old for x in lines[d]), at=noon(old[-1]), packed=True)
    write(folder, "audit.log", *(x for d in all_days[22:] for x in lines[d]))


def tonight(folder: Path, text: str = SETTINGS, past: Unobserved | None = None) -> dict[str, CheckResult]:
    return {r.check: r for r in asyncio.run(judge_audit_now(round_of(folder, text, past=past)))}


def weekly(folder: Path, text: str = SETTINGS, **how: Any) -> dict[str, CheckResult]:
    return {r.check: r for r in asyncio.run(judge_audit_week(round_of(folder, text, **how)))}


def read(folder: Path, **how: Any) -> AuditLines:
    audit = Audit(paths=("audit.log*",), **how)
    wanted = Wanted(folder, audit, TOKYO, noon(WEEK[0]) - timedelta(hours=12), noon(WEEK[-1]) + timedelta(hours=12))
    return read_audit.fn(wanted, NOW, Deadline.after(60))


class TestTonight:
    """It is there, it is written, it is kept."""

    def test_a_healthy_log(self, tmp_path: Path) -> None:
        daily(tmp_path)
        found = tonight(tmp_path)
        assert {check: r.status for check, r in found.items()} == {AUDIT.id: Status.PASS, RETENTION.id: Status.PASS}
        assert words(found[RETENTION.id]) == "The oldest line is from 2026-10-24"

    def test_a_silent_day(self, tmp_path: Path) -> None:
        daily(tmp_path, {WEEK[3]: ()})
        result = tonight(tmp_path)[AUDIT.id]
        assert (result.status, words(result)) == (Status.FAIL, "No line on 2026-11-19")
        assert tonight(tmp_path, f"[security.limits]\nmax_silent_days = 1\n{SETTINGS}")[AUDIT.id].status is Status.PASS

    def test_today_and_the_day_before_the_seven_do_not_count(self, tmp_path: Path) -> None:
        daily(tmp_path, {TODAY: (), TODAY - timedelta(days=8): ()})
        assert tonight(tmp_path)[AUDIT.id].status is Status.PASS

    def test_a_day_is_one_of_the_services_zone(self, tmp_path: Path) -> None:
        """23:30 in Tokyo is the afternoon of the same day in UTC, 00:30 the day before."""
        late = line(noon(WEEK[3]) + timedelta(hours=12, minutes=30))
        daily(tmp_path, {WEEK[3]: (late,), WEEK[4]: ()})
        assert words(tonight(tmp_path)[AUDIT.id]) == "No line on 2026-11-19"

    def test_there_is_no_log(self, tmp_path: Path) -> None:
        found = tonight(tmp_path)
        assert {check: r.status for check, r in found.items()} == {AUDIT.id: Status.FAIL, RETENTION.id: Status.UNKNOWN}

    def test_one_that_cannot_be_read(self, tmp_path: Path) -> None:
        daily(tmp_path)
        (tmp_path / "audit.log").unlink()
        (tmp_path / "audit.log").mkdir()
        found = tonight(tmp_path)
        assert found[AUDIT.id].status is Status.UNKNOWN
        assert "is not a regular file" in words(found[AUDIT.id])

    def test_a_damaged_file_is_unknown_whatever_it_holds(self, tmp_path: Path) -> None:
        daily(tmp_path)
        packed = gzip.compress(line(NOW) * 2000)
        (tmp_path / "audit.log.1.gz").write_bytes(packed[: len(packed) // 2])
        assert tonight(tmp_path)[AUDIT.id].status is Status.UNKNOWN

    def test_lines_that_say_nothing(self, tmp_path: Path) -> None:
        good = tuple(line(noon(WEEK[3])) for _ in range(292))
        daily(tmp_path, {WEEK[3]: (*good, b"no json\n", b"[1]\n", line(None))})
        assert tonight(tmp_path)[AUDIT.id].status is Status.PASS  # 3 of 304
        daily(tmp_path, {WEEK[3]: (*good, b"no json\n", b"[1]\n", line(None), line(None, timestamp="yesterday"))})
        result = tonight(tmp_path)[AUDIT.id]
        assert result.status is Status.WARN
        assert words(result).startswith("2 lines have no readable time and 2 are not JSON objects")

    def test_a_day_whose_lines_cannot_be_read_is_not_called_silent(self, tmp_path: Path) -> None:
        daily(tmp_path, {WEEK[3]: (line(None),)})
        assert tonight(tmp_path)[AUDIT.id].status is Status.UNKNOWN

    def test_what_is_still_being_written_is_no_bad_line(self, tmp_path: Path) -> None:
        write(tmp_path, "audit.log", *(line(noon(day)) for day in WEEK), line(NOW)[:-20])
        assert read(tmp_path).unread == 0
        write(tmp_path, "audit.log", *(line(noon(day)) for day in WEEK[:-1]), line(noon(WEEK[-1]))[:-1])
        assert read(tmp_path).days[WEEK[-1]] == 1

    @pytest.mark.parametrize(("retention", "status"), [(30, Status.PASS), (31, Status.PASS), (32, Status.FAIL)])
    def test_how_far_it_reaches_back(self, tmp_path: Path, retention: int, status: Status) -> None:
        daily(tmp_path)
        text = SETTINGS.replace("retention_days = 30", f"retention_days = {retention}")
        assert tonight(tmp_path, text)[RETENTION.id].status is status

    def test_a_young_log_need_not_reach_further_back_than_its_beginning(self, tmp_path: Path) -> None:
        write(tmp_path, "audit.log", line(noon(WEEK[5])), line(noon(WEEK[6])), line(noon(TODAY - timedelta(days=1))))
        young = tonight(tmp_path, f"{SETTINGS}since = 2026-11-21\n")
        assert {r.status for r in young.values()} == {Status.PASS}
        assert {r.status for r in tonight(tmp_path).values()} == {Status.FAIL}

    @pytest.mark.parametrize("since", ["2026-11-24", "2099-01-01"])
    def test_days_before_its_beginning_prove_nothing(self, tmp_path: Path, since: str) -> None:
        write(tmp_path, "audit.log", line(noon(TODAY)))
        found = tonight(tmp_path, f"{SETTINGS}since = {since}\n")
        assert found[AUDIT.id].status is Status.UNKNOWN
        assert found[RETENTION.id].status is (Status.PASS if since == f"{TODAY}" else Status.UNKNOWN)
        daily(tmp_path)
        assert {r.status for r in weekly(tmp_path, f"{SETTINGS}since = {since}\n").values()} == {Status.UNKNOWN}

    def test_one_line_of_a_wrong_clock_is_no_retention(self, tmp_path: Path) -> None:
        lines = [line(noon(day)) for day in WEEK]
        write(tmp_path, "audit.log", *lines, line(datetime(2001, 1, 1, tzinfo=UTC)), line(noon(TODAY)))
        assert tonight(tmp_path)[RETENTION.id].status is Status.FAIL

    def test_a_hole_between_files(self, tmp_path: Path) -> None:
        """One old file alone proves nothing for the days after it."""
        daily(tmp_path)
        (tmp_path / f"audit.log.{TODAY - timedelta(days=20)}.gz").unlink()
        result = tonight(tmp_path)[RETENTION.id]
        assert result.status is Status.WARN
        assert words(result) == "No file covers 11 days, the first of them 2026-11-04"

    def test_nothing_asked_and_the_past(self, tmp_path: Path) -> None:
        assert {r.status for r in tonight(tmp_path, "").values()} == {Status.SKIPPED}
        assert {r.status for r in weekly(tmp_path, "").values()} == {Status.SKIPPED}
        past = tonight(tmp_path, past=Unobserved(msg("It is over")))
        assert {(r.status, words(r)) for r in past.values()} == {(Status.UNKNOWN, "It is over")}


class TestWeek:
    """Failures and changes of privileges of the week that the round is for."""

    @pytest.mark.parametrize(("failures", "status"), [(99, Status.PASS), (100, Status.PASS), (101, Status.FAIL)])
    def test_failed_logins(self, tmp_path: Path, failures: int, status: Status) -> None:
        good = line(noon(WEEK[2]))
        daily(tmp_path, {WEEK[2]: (good, *(line(noon(WEEK[2]), "LOGIN_FAILED") for _ in range(failures)))})
        found = weekly(tmp_path)
        assert found[AUTHENTICATION.id].status is status
        table = found[AUTHENTICATION.id].evidence[0]
        assert isinstance(table, Table) and table.rows == (("2026-11-18", "LOGIN_FAILED", failures),)
        assert found[PRIVILEGES.id].status is Status.PASS
        assert "tanaka" not in repr(found)

    def test_a_change_of_privileges_is_to_be_looked_at(self, tmp_path: Path) -> None:
        daily(tmp_path, {WEEK[0]: (line(noon(WEEK[0]), "role.granted"),), TODAY: (line(NOW, "role.granted"),)})
        result = weekly(tmp_path)[PRIVILEGES.id]
        assert (result.status, words(result)) == (Status.WARN, "1 of 7 lines in 7 days")
        allowed = f"[security.limits]\nmax_privilege_changes = 1\n{SETTINGS}"
        assert weekly(tmp_path, allowed)[PRIVILEGES.id].status is Status.PASS

    def test_the_week_of_a_past_round_is_read_too(self, tmp_path: Path) -> None:
        daily(tmp_path)
        found = weekly(tmp_path, past=Unobserved(msg("It is over")))
        assert {r.status for r in found.values()} == {Status.PASS}

    def test_a_day_without_lines_is_not_a_day_without_failures(self, tmp_path: Path) -> None:
        daily(tmp_path, {WEEK[6]: ()})
        found = weekly(tmp_path)
        assert {(r.status, words(r)) for r in found.values()} == {(Status.UNKNOWN, "No line on 2026-11-22")}

    def test_no_line_has_an_event(self, tmp_path: Path) -> None:
        daily(tmp_path)
        found = weekly(tmp_path, f'{SETTINGS}event = "action.kind"\n')
        assert {r.status for r in found.values()} == {Status.UNKNOWN}
        assert words(found[PRIVILEGES.id]).startswith("No line of 2026-11-16 has the field action.kind")

    def test_a_day_on_which_no_line_has_an_event_hides_what_happened(self, tmp_path: Path) -> None:
        daily(tmp_path, {WEEK[5]: (line(noon(WEEK[5]), None, action="login_failed"),)})
        found = weekly(tmp_path)
        assert {r.status for r in found.values()} == {Status.UNKNOWN}
        assert words(found[AUTHENTICATION.id]).startswith("No line of 2026-11-21 has the field event")

    def test_too_many_are_too_many_whatever_else_is_missing(self, tmp_path: Path) -> None:
        failed = tuple(line(noon(WEEK[2]), "auth.fail") for _ in range(101))
        daily(tmp_path, {WEEK[2]: failed, WEEK[3]: ()})
        found = weekly(tmp_path)
        assert (found[AUTHENTICATION.id].status, found[PRIVILEGES.id].status) == (Status.FAIL, Status.UNKNOWN)

    def test_a_week_that_has_not_begun(self, tmp_path: Path) -> None:
        daily(tmp_path)
        assert {r.status for r in weekly(tmp_path, period="2026-W49").values()} == {Status.UNKNOWN}

    def test_no_log(self, tmp_path: Path) -> None:
        assert {r.status for r in weekly(tmp_path).values()} == {Status.UNKNOWN}


class TestReading:
    """Fields, times and files."""

    def test_nested_fields_and_epochs(self, tmp_path: Path) -> None:
        seconds = noon(WEEK[1]).timestamp()
        for value in (seconds, int(seconds * 1000), str(int(seconds))):
            data = {"meta": {"at": value}, "action": {"kind": "login_failed"}}
            write(tmp_path, "audit.log", json.dumps(data).encode() + b"\n")
            found = read(tmp_path, time="meta.at", event="action.kind")
            assert dict(found.days) == {WEEK[1]: 1}
            assert [(e.event, e.lines) for e in found.events] == [("login_failed", 1)]

    def test_a_file_with_two_names_counts_once(self, tmp_path: Path) -> None:
        write(tmp_path, "audit.log", line(noon(WEEK[1])))
        (tmp_path / "audit.log.1").hardlink_to(tmp_path / "audit.log")
        (tmp_path / "audit.log.2").symlink_to(tmp_path / "audit.log")
        assert (read(tmp_path).dated, read(tmp_path).files) == (1, 1)

    def test_the_edges_of_the_week(self, tmp_path: Path) -> None:
        begin, end = noon(WEEK[0]) - timedelta(hours=12), noon(WEEK[-1]) + timedelta(hours=12)
        second = timedelta(seconds=1)
        write(tmp_path, "audit.log", *(line(at) for at in (begin - second, begin, end - second, end)))
        assert dict(read(tmp_path).days) == {WEEK[0]: 1, WEEK[-1]: 1}

    def test_of_an_old_file_only_the_beginning_is_read(self, tmp_path: Path) -> None:
        old = noon(WEEK[0]) - timedelta(days=40)
        write(tmp_path, "audit.log.1", b"no json\n", line(old), b"no json either\n" * 5000, at=old)
        write(tmp_path, "audit.log", line(noon(WEEK[1])))
        found = read(tmp_path)
        assert (found.oldest, found.unread) == (old.astimezone(UTC), 0)
        assert found.holes == (Hole(old.date() + timedelta(days=1), WEEK[0]),)

    def test_many_kinds_of_events_stay_few_rows_and_are_masked(self, tmp_path: Path) -> None:
        events = [f"login.fail.{n}" for n in range(300)]
        secret = line(noon(WEEK[1]), "login failed token=abcdef0123456789 tanaka@example.com\n\u202e")
        write(tmp_path, "audit.log", secret, *(line(noon(WEEK[1]), event) for event in events))
        found = read(tmp_path)
        assert sum(e.lines for e in found.events) == 301
        assert {e.event: e.lines for e in found.events}[OTHERS] == 101
        assert "tanaka" not in repr(found) and "abcdef0123456789" not in repr(found) and "\u202e" not in repr(found)

    def test_a_huge_line_and_a_huge_packed_file_take_little_memory(self, tmp_path: Path) -> None:
        write(tmp_path, "audit.log", line(noon(WEEK[1])), b'{"a": "' + b"x" * 30_000_000 + b'"}\n', line(noon(WEEK[2])),
              packed=True)  # fmt: skip
        tracemalloc.start()
        found = read(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (found.dated, found.unread) == (2, 1)
        assert peak < 20e6

    def test_time_runs_out(self, tmp_path: Path) -> None:
        write(tmp_path, "audit.log", line(noon(WEEK[1])))
        wanted = Wanted(tmp_path, Audit(paths=("audit.log",)), TOKYO, noon(WEEK[0]), NOW)
        with pytest.raises(ObservationError, match="too late"):
            read_audit.fn(wanted, NOW, Deadline.after(0, msg("too late")))
