"""Personal data in the week's logs, counted by the real reading of a log."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tasks.check_result import CheckResult, Status, Table, msg
from tasks.history.engine import History, open_history
from tasks.logs.count.batch import Lines
from tasks.logs.facts import Damage, DamagedFile, HourCounts, LogReview, PersonalData, SourceHour, SourceLines
from tasks.logs.ingest import read_log
from tasks.logs.limits import LogLimits
from tasks.observation import Unobserved
from tasks.security.judge.personal import judge_personal
from tasks.security.personal import judge_personal_week
from tests.tasks.security.running import NOW, round_of, words

TOKYO = ZoneInfo("Asia/Tokyo")
START = datetime(2026, 11, 15, 15, tzinfo=UTC)
"""Monday the 16th in Tokyo."""
DAYS = tuple(date(2026, 11, 16) + timedelta(days=n) for n in range(7))
LOG = '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["app.log"]\n'


@pytest.fixture
def history(tmp_path: Path, empty_history: Path) -> Iterator[History]:
    shutil.copy(empty_history, tmp_path / "history.db")
    engine = open_history("sqlite:///history.db", tmp_path)
    yield engine
    engine.dispose()


def line(at: datetime, message: str = "done", module: str = "users") -> str:
    return json.dumps({"timestamp": at.isoformat(), "module": module, "level": "info", "message": message}) + "\n"


def look(folder: Path, history: History, *lines: str, text: str = LOG, read: bool = True) -> CheckResult:
    run = round_of(folder, text, history=history)
    (folder / "app.log").write_text("".join(lines))
    if read:
        read_log(history, run.settings, run.settings.logs.source[0], NOW, 60.0)
    [result] = asyncio.run(judge_personal_week(run))
    return result


def every_day(hours: int = 8 * 24) -> list[str]:
    return [line(START + timedelta(hours=n)) for n in range(0, hours, 6)]


def test_a_clean_week(tmp_path: Path, history: History) -> None:
    result = look(tmp_path, history, *every_day())
    assert (result.status, words(result)) == (Status.PASS, "No personal data found in 28 lines")


def test_what_was_found_is_counted_by_module_and_kind(tmp_path: Path, history: History) -> None:
    found = [line(START, f"mail to tanaka{n}@example.com") for n in range(3)]
    found.append(line(START + timedelta(days=6), "call 090-1234-5678", "shopping"))
    before_and_after = [line(START - timedelta(hours=1), "a@b.example"), line(START + timedelta(days=7), "a@b.example")]
    result = look(tmp_path, history, *sorted([*before_and_after, *every_day(), *found]))
    [table] = result.evidence
    assert result.status is Status.WARN
    assert isinstance(table, Table)
    assert {(row[0], row[2]) for row in table.rows} == {("users", 3), ("shopping", 1)}
    assert "tanaka" not in repr(result)


def test_a_day_that_was_not_read(tmp_path: Path, history: History) -> None:
    the_18th = ("2026-11-17T15", "2026-11-17T21", "2026-11-18T03", "2026-11-18T09")
    lines = [text for text in every_day() if not any(hour in text for hour in the_18th)]
    result = look(tmp_path, history, *lines)
    assert (result.status, words(result)) == (Status.UNKNOWN, "No line was read on 2026-11-18")


def test_a_log_that_was_never_read(tmp_path: Path, history: History) -> None:
    result = look(tmp_path, history, *every_day(), read=False)
    assert (result.status, words(result)) == (Status.UNKNOWN, "These logs have not been read yet: app")


def test_a_log_that_was_not_read_to_the_end_of_the_week(tmp_path: Path, history: History) -> None:
    result = look(tmp_path, history, *every_day(7 * 24 - 8))
    assert result.status is Status.UNKNOWN
    assert words(result).startswith("No line from after the week was read")


def test_no_log_source(tmp_path: Path, history: History) -> None:
    assert look(tmp_path, history, text="", read=False).status is Status.SKIPPED


class TestJudged:
    """The limit, and what is not known."""

    HOURS = tuple(SourceHour(START + timedelta(days=n), HourCounts(1, 1, 0, 0), None) for n in range(7))
    SOURCE = SourceLines("app", Lines(lines=700), HOURS, {}, None, 60, 1, (), (), synthetic=False)

    def status(self, *personal: PersonalData, source: SourceLines = SOURCE, limit: int = 0) -> Status:
        review = LogReview(START, START + timedelta(days=7), 0, (source,), (), (), personal, (), ())
        return judge_personal(review, DAYS, TOKYO, LogLimits(max_personal_data_lines=limit), NOW).status

    def test_the_limit_of_a_day_and_module_seven_times(self) -> None:
        assert self.status(PersonalData("users", "email", 1)) is Status.WARN
        assert self.status(PersonalData("users", "email", 14), limit=2) is Status.PASS
        assert self.status(PersonalData("users", "email", 15), limit=2) is Status.WARN
        assert self.status(PersonalData("users", "email", 14), PersonalData("a", "card", 14), limit=2) is Status.PASS
        assert self.status(PersonalData("users", "email", 14), PersonalData("users", "card", 1), limit=2) is Status.WARN

    def test_a_damaged_file_may_hide_some(self) -> None:
        damaged = replace(self.SOURCE, damaged=(DamagedFile("app.log.1.gz", Damage.TRUNCATED),))
        assert self.status(source=damaged) is Status.UNKNOWN
        assert self.status(PersonalData("users", "email", 1), source=damaged) is Status.WARN

    def test_nothing_seen(self) -> None:
        unseen = Unobserved(msg("The database is locked"))
        assert judge_personal(unseen, DAYS, TOKYO, LogLimits(), NOW).status is Status.UNKNOWN
        assert judge_personal(None, DAYS, TOKYO, LogLimits(), NOW).status is Status.SKIPPED
