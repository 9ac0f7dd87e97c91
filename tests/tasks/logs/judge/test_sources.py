"""The logs themselves: whatever is missing, stale, partial or unreadable is never a PASS, and spoils those after it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.check_result import CheckResult, Excerpt, Quantity, Status, Table, msg
from tasks.logs.checks import ERROR_SHARE, SILENT_MODULE
from tasks.logs.count.batch import Lines
from tasks.logs.facts import (
    AgedFile,
    Damage,
    DamagedFile,
    HourCounts,
    LogReview,
    SourceHour,
    SourceLines,
    SourceRead,
    crowded_moments,
)
from tasks.logs.judge.sources import downgrade_doubtful, judge_malformed, judge_sources, not_read, source_doubt
from tasks.logs.limits import LogLimits
from tasks.observation import Unobserved
from tests.deep import examples

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
SINCE = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
LIMITS = LogLimits()
MAPPED = ("timestamp", "status", "duration")
READ = SourceRead("app", 12, ())
GONE = Unobserved(msg("No file matches {pattern}", pattern="/var/log/shop/*.log"))
BUSY = HourCounts(100, 100, 80, 80)
NOTHING = HourCounts(0, 0, 0, 0)


def hours(changed: Mapping[int, HourCounts] = {}, usual: HourCounts | None = BUSY) -> tuple[SourceHour, ...]:
    return tuple(SourceHour(SINCE + timedelta(hours=h), changed.get(h, BUSY), usual) for h in range(24))


def source(**changed: Any) -> SourceLines:
    counted = Lines(lines=2400, parsed=2400, requests=1920, timed=1920)
    counted.odd_levels = changed.pop("odd_level_lines", 0)
    for name in set(Lines.__slots__) - {"odd_levels"}:
        setattr(counted, name, changed.pop(name, getattr(counted, name)))
    whole = SourceLines(
        name="app",
        counts=counted,
        hours=hours(),
        fields={SINCE: {"": 2400, "timestamp": 2400, "status": 1920, "duration": 1920, "level": 2400}},
        newest=NOW - timedelta(minutes=1),
        newest_step_min=1,
        ahead=0,
        samples=(),
        damaged=(),
        synthetic=False,
    )
    return replace(whole, **changed)


def review(*sources: SourceLines, until: datetime = NOW) -> LogReview:
    return LogReview(SINCE, until, 28, sources, (), (), (), (), ())


def judged(
    lines: SourceLines,
    read: SourceRead | Unobserved = READ,
    mapped: tuple[str, ...] = MAPPED,
    limits: LogLimits = LIMITS,
    until: datetime = NOW,
) -> CheckResult:
    [result] = judge_sources({"app": read}, review(lines, until=until), {"app": mapped}, limits, NOW)
    assert result.subject in ("log:app", "service")
    return result


def rows_of(result: CheckResult) -> tuple[object, ...]:
    return tuple(row for table in result.evidence if isinstance(table, Table) for row in table.rows)


def reason_of(result: CheckResult) -> str:
    return result.reason.text.format(**result.reason.params)


class TestSource:
    """A log that was read whole and is fresh passes; nothing else does."""

    def test_a_whole_and_fresh_log_passes(self) -> None:
        result = judged(source())
        assert (result.status, result.observed) == (Status.PASS, Quantity(1, "min"))
        assert reason_of(result) == "2400 lines; the newest is 1 min old"

    def test_no_log_is_skipped_with_the_key_to_set(self) -> None:
        [result] = judge_sources({}, None, {}, LIMITS, NOW)
        assert (result.status, reason_of(result)) == (
            Status.SKIPPED,
            "No log source is configured: set [[logs.source]]",
        )

    @pytest.mark.parametrize(
        ("lines", "reason"),
        [
            (source(lines=0, parsed=0), "No line between"),
            (source(parsed=0, malformed=2400), "None of 2400 lines can be parsed: correct format"),
            # Fresh health probes, read well, among nothing but lines that cannot be read.
            (source(parsed=0, malformed=2300, ignored=100), "None of 2300 lines can be parsed"),
            (source(parsed=0, ignored=2400), "lines are blank or from health probes"),
            (source(undated=2400), "No line has a readable time"),
            (source(newest=None), "No line has a readable time"),
            (source(requests=0, timed=0), "None of 2400 lines has a status"),
            # Few lines, so that nothing is said of fields; the period's own counts say it.
            (source(lines=3, parsed=3, requests=0, timed=0, fields={}), "None of 3 lines has a status"),
            (source(requests=0, timed=0), "None of 2400 lines has a status"),
            (source(crowded=1), "Not read completely; problems: 1"),
            (source(damaged=(DamagedFile("a.gz", Damage.TRUNCATED),)), "Not read completely; problems: 1"),
        ],
    )
    def test_what_is_not_there_or_not_readable_is_unknown(self, lines: SourceLines, reason: str) -> None:
        result = judged(lines)
        assert (result.status, reason in reason_of(result)) == (Status.UNKNOWN, True), reason_of(result)

    def test_a_log_that_could_not_be_read_is_unknown_however_well_its_lines_of_before_look(self) -> None:
        result = judged(source(), GONE)
        assert (result.status, reason_of(result)) == (Status.UNKNOWN, "No file matches /var/log/shop/*.log")

    def test_a_log_that_was_read_in_part_is_unknown_and_names_the_parts(self) -> None:
        result = judged(source(), replace(READ, problems=(msg("Not all lines could be read in time"),)))
        assert result.status is Status.UNKNOWN
        problems = result.evidence[0]
        assert isinstance(problems, Table) and problems.rows == ((msg("Not all lines could be read in time"),),)

    def test_a_source_of_no_requests_needs_no_status(self) -> None:
        assert judged(source(requests=0, timed=0, hours=()), mapped=("timestamp",)).status is Status.PASS

    def test_crowded_moments_are_reported_once_even_if_the_read_reports_them_too(self) -> None:
        result = judged(source(crowded=2), replace(READ, problems=(crowded_moments(2),)))
        assert reason_of(result) == "Not read completely; problems: 1"

    def test_a_missing_duration_warns_and_affects_no_other_check(self) -> None:
        result = judged(source(timed=0, hours=()))
        assert (result.status, "No request has a duration" in reason_of(result)) == (Status.WARN, True)
        assert source_doubt([result]) is None


class TestFields:
    """A field that no looked at line holds: for a thousand lines it is not said, and from then on it is."""

    HOUR = timedelta(hours=1)
    AROUND = pytest.mark.parametrize(
        ("checked", "status"), [(999, Status.PASS), (1000, Status.UNKNOWN), (1001, Status.UNKNOWN)]
    )

    @AROUND
    def test_a_mapped_one(self, checked: int, status: Status) -> None:
        fields = {SINCE: {"": checked, "level": checked}}
        result = judged(source(fields=fields), mapped=(*MAPPED, "level", "release"))
        assert result.status is status
        assert ("release" in reason_of(result)) is (status is Status.UNKNOWN) and "level" not in reason_of(result)

    @AROUND
    def test_for_a_quiet_log_the_week_before_counts_too(self, checked: int, status: Status) -> None:
        days = {SINCE - timedelta(days=day): {"": 100, "level": 100} for day in range(1, 8)}
        days |= {SINCE: {"": checked - 700, "level": 300}}
        assert judged(source(fields=days), mapped=(*MAPPED, "release")).status is status
        one = days | {SINCE + self.HOUR: {"": 1, "level": 1, "release": 1}}
        assert judged(source(fields=one), mapped=(*MAPPED, "release")).status is Status.PASS

    @AROUND
    def test_without_a_field_that_shows_errors_a_log_is_unknown(self, checked: int, status: Status) -> None:
        worker = source(requests=0, timed=0, hours=(), fields={SINCE: {"": checked, "timestamp": checked}})
        result = judged(worker, mapped=("timestamp",))
        assert result.status is status
        assert ("set level or error in [logs.source.fields]" in reason_of(result)) is (status is Status.UNKNOWN)

    @pytest.mark.parametrize("name", ["level", "error", "status"])
    @pytest.mark.parametrize("hour", [SINCE, SINCE - timedelta(days=6)])
    def test_one_line_with_an_error_field_is_enough(self, name: str, hour: datetime) -> None:
        fields = {SINCE - timedelta(days=7): {"": 5000}, SINCE: {"": 5000}}
        fields[hour] = {"": 5000, name: 1}
        assert judged(source(hours=(), fields=fields), mapped=("timestamp",)).status is Status.PASS

    @AROUND
    def test_a_level_that_a_release_renames(self, checked: int, status: Status) -> None:
        before = {SINCE + self.HOUR * hour: {"": 1000, "level": 1000, "status": 1000} for hour in range(10)}
        after = {SINCE + self.HOUR * 10: {"": 500, "status": 500}, SINCE + self.HOUR * 11: {"": checked - 500}}
        for mapped in (MAPPED, (*MAPPED, "level")):
            result = judged(source(fields=before | after), mapped=mapped)
            assert result.status is status
        if status is Status.UNKNOWN:
            assert f"None of {checked} lines checked from 2026-11-23T10:00Z to 2026-11-23T12:00Z" in reason_of(result)
        again = before | after | {SINCE + self.HOUR * 12: {"": 1000, "level": 1000}}
        assert judged(source(fields=again)).status is status

    @pytest.mark.parametrize(
        ("with_status", "checked", "status"),
        [(950, 1000, Status.UNKNOWN), (949, 1000, Status.PASS), (950, 999, Status.PASS)],
    )
    def test_a_status_that_a_release_renames_in_the_first_week(
        self, with_status: int, checked: int, status: Status
    ) -> None:
        fields = {
            SINCE: {"": 1000, "level": 1000, "status": with_status},
            SINCE + self.HOUR: {"": checked, "level": checked},
        }
        assert judged(source(hours=(), fields=fields)).status is status
        assert judged(source(fields=fields)).status is Status.PASS  # hours are compared with those of the days before
        back = fields | {SINCE + self.HOUR * 2: {"": 1, "level": 1, "status": 1}}
        assert judged(source(hours=(), fields=back)).status is Status.PASS

    @pytest.mark.parametrize(("with_level", "status"), [(499, Status.PASS), (500, Status.UNKNOWN)])
    def test_a_level_that_few_lines_have_may_be_away_for_a_while(self, with_level: int, status: Status) -> None:
        fields = {SINCE: {"": 1000, "level": with_level, "status": 1}, SINCE + self.HOUR: {"": 1000, "status": 500}}
        assert judged(source(fields=fields)).status is status

    def test_a_stretch_that_ended_before_the_period_is_nothing_of_today(self) -> None:
        fields = {SINCE - self.HOUR * 2: {"": 5000, "status": 1}, SINCE: {"": 100, "level": 100}}
        assert judged(source(fields=fields)).status is Status.PASS


class TestAge:
    """The newest line against the end of the period, and against the clock."""

    @pytest.mark.parametrize(
        ("minutes", "status"), [(59, Status.PASS), (60, Status.PASS), (61, Status.UNKNOWN), (60 * 24, Status.UNKNOWN)]
    )
    def test_the_limit(self, minutes: int, status: Status) -> None:
        result = judged(source(newest=NOW - timedelta(minutes=minutes)))
        assert (result.status, result.observed) == (status, Quantity(minutes, "min"))

    @pytest.mark.parametrize(("misdated", "status"), [(24, Status.PASS), (25, Status.UNKNOWN), (2400, Status.UNKNOWN)])
    def test_times_that_cannot_be(self, misdated: int, status: Status) -> None:
        result = judged(source(misdated=misdated, undated=misdated))
        assert result.status is status
        assert ("an impossible time" in reason_of(result)) is (status is Status.UNKNOWN)
        assert (msg("With an impossible time; counted where they stand"), misdated) in rows_of(result)

    def test_times_that_cannot_be_are_doubted_for_a_past_day_too(self) -> None:
        until = NOW - timedelta(hours=2)
        assert judged(source(newest=until, misdated=25, undated=25), until=until).status is Status.UNKNOWN

    @pytest.mark.parametrize(
        ("unknown", "levelled", "status"),
        [(0, 0, Status.PASS), (24, 2400, Status.PASS), (25, 2400, Status.UNKNOWN), (1, 1, Status.UNKNOWN)],
    )
    def test_levels_that_nobody_knows(self, unknown: int, levelled: int, status: Status) -> None:
        result = judged(source(odd_level_lines=unknown, levelled=levelled, odd_levels={"": 1, "audit": unknown}))
        assert result.status is status
        assert ("have an unknown level (audit)" in reason_of(result)) is (status is Status.UNKNOWN)
        [levels] = [table for table in result.evidence if table.title == msg("Unknown levels")]
        assert isinstance(levels, Table) and levels.rows == (("audit", unknown), (msg("Any further"), 1))

    def test_holes_are_named_and_doubted_where_lines_are_lost(self) -> None:
        emptied, crashed = judged(source(hole_bytes=4096)), judged(source(hole_bytes=4096, lost_bytes=64))
        assert (emptied.status, crashed.status) == (Status.PASS, Status.UNKNOWN)
        assert "4096 NUL bytes" in reason_of(emptied) and "64 NUL bytes" in reason_of(crashed)
        assert "NUL" not in reason_of(judged(source()))

    def test_files_that_are_too_old_are_named(self) -> None:
        files = tuple(AgedFile(f"/log/app.{place}", SINCE) for place in range(30))
        result = judged(source(), SourceRead("app", 12, (), files))
        assert result.status is Status.PASS
        table = result.evidence[-1]
        assert isinstance(table, Table) and table.title.params == {"files": 30}
        assert table.rows[-1] == ("/log/app.29", "2026-11-23T00:00Z") and len(table.rows) == 20

    @pytest.mark.parametrize(("ahead", "status"), [(24, Status.PASS), (25, Status.UNKNOWN), (900, Status.UNKNOWN)])
    def test_a_clock_or_zone_ahead_is_reported_and_a_few_broken_times_are_not(self, ahead: int, status: Status) -> None:
        result = judged(source(ahead=ahead))  # 24 of 2424 lines are 1 %
        assert result.status is status
        assert ("an impossible time" in reason_of(result)) is (status is Status.UNKNOWN)

    @pytest.mark.parametrize(("minutes", "status"), [(0, Status.UNKNOWN), (5, Status.UNKNOWN), (6, Status.PASS)])
    def test_lines_of_today_are_expected_in_a_round_for_yesterday(self, minutes: int, status: Status) -> None:
        until = NOW - timedelta(minutes=minutes)
        assert judged(source(newest=until, ahead=5000), until=until).status is status

    def test_a_past_day_is_judged_by_its_own_end_and_not_by_lines_of_later_days(self) -> None:
        midnight = NOW - timedelta(days=2, minutes=30)
        past = source(newest=midnight - timedelta(hours=1), newest_step_min=60, ahead=5000)
        result = judged(past, until=midnight)
        assert (result.status, result.observed) == (Status.PASS, Quantity(60, "min"))
        earlier = replace(past, newest=midnight - timedelta(hours=2))
        assert judged(earlier, until=midnight).status is Status.UNKNOWN
        limit = judged(past, until=midnight, limits=LogLimits(max_quiet_min=5)).limit
        assert limit is not None and limit.value == 60  # only the hour is known


class TestGap:
    """Whole hours without what is usual then."""

    @pytest.mark.parametrize(("usual", "status"), [(9, Status.PASS), (10, Status.UNKNOWN), (11, Status.UNKNOWN)])
    def test_an_hour_without_a_line_is_a_gap_when_ten_are_usual(self, usual: int, status: Status) -> None:
        assert judged(source(hours=hours({5: NOTHING}, HourCounts(usual, usual, 0, 0)))).status is status

    def test_a_gap_is_reported_with_its_start_and_end(self) -> None:
        lines = source(hours=hours({3: NOTHING, 4: NOTHING, 5: NOTHING, 20: NOTHING}))
        assert reason_of(judged(lines)).startswith(
            "No line from 2026-11-23T03:00Z to 2026-11-23T06:00Z (usually 100 an hour)"
        )

    def test_before_the_log_is_a_week_old_nothing_is_usual(self) -> None:
        assert judged(source(hours=hours({5: NOTHING}, None))).status is Status.PASS

    @pytest.mark.parametrize(
        ("counts", "field", "status"),
        [
            (HourCounts(100, 100, 0, 0), "status", Status.UNKNOWN),
            (HourCounts(100, 0, 80, 80), "timestamp", Status.UNKNOWN),
            (HourCounts(100, 100, 80, 0), "duration", Status.WARN),
        ],
    )
    def test_a_field_that_a_release_left_out_is_noticed_after_an_hour(
        self, counts: HourCounts, field: str, status: Status
    ) -> None:
        result = judged(source(hours=hours({23: counts})))
        assert result.status is status
        assert f"has {field} (usually" in reason_of(result)
        unmapped = ("timestamp",) if field != "timestamp" else ("status",)
        assert judged(source(hours=hours({23: counts})), mapped=unmapped).status is Status.PASS

    @given(st.dictionaries(st.integers(0, 23), st.sampled_from([NOTHING, BUSY, HourCounts(50, 50, 0, 0)]), max_size=24))
    @settings(max_examples=examples(40))
    def test_only_a_day_without_a_gap_passes(self, changed: dict[int, HourCounts]) -> None:
        whole = all(counts.parsed and counts.requests for counts in changed.values())
        assert (judged(source(hours=hours(changed))).status is Status.PASS) is whole


class TestMalformed:
    """Lines that could not be read, and lines that stand at no time."""

    @staticmethod
    def share(parsed: int, malformed: int, undated: int = 0, ignored: int = 0) -> CheckResult:
        lines = source(
            lines=parsed + malformed + ignored, parsed=parsed, malformed=malformed, undated=undated, ignored=ignored
        )
        [result] = judge_malformed(review(lines), LIMITS, NOW)
        return result

    @pytest.mark.parametrize(
        ("malformed", "status"), [(0, Status.PASS), (99, Status.PASS), (100, Status.PASS), (101, Status.WARN)]
    )
    def test_the_limit(self, malformed: int, status: Status) -> None:
        result = self.share(10_000 - malformed, malformed)
        assert (result.status, result.observed) == (status, Quantity(round(malformed / 100, 10), "%"))

    def test_lines_without_a_time_count_and_blank_ones_do_not(self) -> None:
        assert self.share(9_950, 50, undated=50).status is Status.PASS
        assert self.share(9_950, 50, undated=51).status is Status.WARN
        assert self.share(10, 1, ignored=10**6).status is Status.WARN

    def test_without_a_line_nothing_was_measured(self) -> None:
        assert [self.share(0, 0, ignored=n).status for n in (0, 5)] == [Status.UNKNOWN] * 2
        assert judge_malformed(None, LIMITS, NOW)[0].status is Status.SKIPPED

    def test_samples_are_shown(self) -> None:
        [result] = judge_malformed(review(source(malformed=5, samples=("{torn", "{too"))), LIMITS, NOW)
        assert result.evidence == (Excerpt(msg("Example lines (masked)"), "{torn\n{too"),)

    @given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
    @settings(max_examples=examples(60))
    def test_it_warns_exactly_above_the_limit(self, parsed: int, malformed: int, undated: int) -> None:
        result = self.share(parsed, malformed, undated)
        if not parsed + malformed:
            assert result.status is Status.UNKNOWN
            return
        bad = malformed + min(undated, parsed)
        assert (result.status is Status.WARN) is (bad / (parsed + malformed) > 0.01)


class TestDoubt:
    """What a log that is not whole does to the verdicts that rest on it."""

    PASSED = ERROR_SHARE.judged(
        Status.PASS, "module:a", msg("0 of 5"), at=NOW, observed=Quantity(0), limit=judged(source()).limit
    )
    FAILED = replace(PASSED, status=Status.FAIL, subject="module:b")
    SILENT = replace(FAILED, check=SILENT_MODULE.id, subject="module:c")
    DOUBT = msg("Not known")

    def test_what_is_doubtful_is_named(self) -> None:
        [gone] = judge_sources({"app": GONE}, review(source()), {"app": MAPPED}, LIMITS, NOW)
        [torn] = judge_malformed(review(source(name="nginx", malformed=100)), LIMITS, NOW)
        doubt = source_doubt([gone, torn, judged(source())])
        assert doubt is not None and doubt.params == {"logs": "app, nginx"}
        assert source_doubt([judged(source())]) is None
        assert source_doubt(judge_sources({}, None, {}, LIMITS, NOW)) is None

    def test_only_a_log_that_was_not_read_to_its_end_explains_a_silence(self) -> None:
        partly = replace(READ, problems=(msg("Not all lines could be read in time"),))
        doubt = not_read({"app": GONE, "nginx": partly, "worker": READ})
        assert doubt is not None and doubt.params == {"logs": "app, nginx"}
        assert not_read({"app": READ}) is None

    def test_what_passed_becomes_one_unknown_a_check_and_what_failed_stays(self) -> None:
        more = replace(self.PASSED, subject="module:d", evidence=(Excerpt(msg("Example lines (masked)"), "x"),))
        results = downgrade_doubtful([self.PASSED, self.FAILED, more, self.SILENT], self.DOUBT, Status.PASS)
        assert [(r.check, r.status, r.subject) for r in results] == [
            (ERROR_SHARE.id, Status.FAIL, "module:b"),
            (SILENT_MODULE.id, Status.FAIL, "module:c"),
            (ERROR_SHARE.id, Status.UNKNOWN, "service"),
        ]
        assert results[-1].evidence == more.evidence and results[-1].reason == self.DOUBT

    def test_without_doubt_nothing_changes(self) -> None:
        assert downgrade_doubtful([self.PASSED, self.FAILED], None, Status.PASS) == (self.PASSED, self.FAILED)

    def test_a_single_result_keeps_its_subject(self) -> None:
        [result] = downgrade_doubtful([self.SILENT], self.DOUBT, Status.FAIL, Status.PASS)
        assert (result.status, result.subject) == (Status.UNKNOWN, "module:c")


class TestPartlyMissing:
    """A field that a part of the requests lacks: more than the limit, and more than a line or two."""

    @pytest.mark.parametrize(
        ("unanswered", "requests", "status"),
        [
            (10, 990, Status.PASS),  # 1 %
            (11, 989, Status.UNKNOWN),
            (2, 8, Status.PASS),
            (3, 7, Status.UNKNOWN),
        ],
    )
    def test_requests_without_a_readable_status(self, unanswered: int, requests: int, status: Status) -> None:
        result = judged(source(unanswered=unanswered, requests=requests, timed=requests))
        assert result.status is status
        [table] = result.evidence
        assert isinstance(table, Table)
        assert (msg("Requests without a readable status"), unanswered) in table.rows
        aborted = judged(source(aborted=unanswered, requests=requests, timed=requests))
        assert (aborted.status, "without an answer" in aborted.reason.text) == (status, status is Status.UNKNOWN)

    @pytest.mark.parametrize(
        ("timed", "requests", "status"),
        [(950, 1000, Status.PASS), (949, 1000, Status.WARN), (8, 10, Status.PASS), (7, 10, Status.WARN)],
    )
    def test_requests_without_a_readable_duration(self, timed: int, requests: int, status: Status) -> None:
        assert judged(source(timed=timed, requests=requests)).status is status
        unmapped = judged(source(timed=timed, requests=requests), mapped=("timestamp", "status"))
        assert unmapped.status is Status.PASS

    def test_durations_that_cannot_be_are_a_warning_of_the_log_that_they_may_be_of(self) -> None:
        odd = {"app": msg("The median is odd")}
        for name, status in (("app", Status.WARN), ("other", Status.PASS)):
            lines = source(name=name)
            [result] = judge_sources({name: READ}, review(lines), {name: MAPPED}, LIMITS, NOW, odd)
            assert result.status is status
