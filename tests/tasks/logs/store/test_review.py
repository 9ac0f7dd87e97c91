"""What is read from the history: hours at the borders, four weeks of days, lost days, and what is usual."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, update

from tasks.history.engine import writing
from tasks.logs.count.batch import Activity, Batch, ErrorSeen, Exemplar, Lines, MinuteTraffic
from tasks.logs.count.fingerprint import ErrorKey
from tasks.logs.facts import ErrorGroup, HourCounts, LogReview
from tasks.logs.judge.states import ErrorState, error_state
from tasks.logs.limits import LogLimits
from tasks.logs.store.counts import open_source, store_batch
from tasks.logs.store.review import read_review
from tasks.logs.tables import error_groups

UNTIL = datetime(2026, 11, 24, 9, 0, 10, tzinfo=UTC)
DAY = timedelta(days=1)
NOW_HOUR = int(UNTIL.timestamp()) // 3600
KEY = ErrorKey("orders", "TypeError", "id <*>", "app.js")
EXEMPLAR = Exemplar("id 7", "at app.js", "error", "GET /orders/7", "r-1")


def batch(
    hours: Mapping[int, int], module: str = "orders", undated: int = 0, errors: Mapping[int, int] | None = None
) -> Batch:
    """Lines by hour, counted back from the running one; each is a request of its module."""
    made = Batch()
    for back, count in hours.items():
        hour = NOW_HOUR - back
        made.lines[hour] = Lines(count, count, undated=min(undated, count), requests=count, timed=count)
        made.activity[module, hour] = Activity(lines=count, errors=1, unauthorized=2, forbidden=1)
        made.traffic[module, "/x", hour * 60 + 59] = MinuteTraffic([count], count, 1, count, {5: count})
    if errors is not None:
        seen = ErrorSeen(KEY, EXEMPLAR, Counter({NOW_HOUR - back: n for back, n in errors.items()}))
        times = [datetime.fromtimestamp((NOW_HOUR - back) * 3600, UTC) for back in errors]
        seen.first, seen.last = min(times), max(times)
        made.errors[KEY.fingerprint] = seen
    dated = [hour for hour, lines in made.lines.items() if lines.parsed > lines.undated]
    made.newest_minute = max(dated, default=0) * 60
    for back, count in hours.items():
        made.fields.update({(NOW_HOUR - back, ""): count, (NOW_HOUR - back, "status"): count})
    return made


def store(history: Engine, *batches: Batch, service: str = "shop") -> None:
    for one in batches:
        state = open_source(history, service, "app", synthetic=False)
        store_batch(history, state, one, (200.0,), UNTIL)


def review(history: Engine, until: datetime = UNTIL, since: datetime | None = None, service: str = "shop") -> LogReview:
    return read_review(history, service, ["app"], since or until - DAY, until)


def group(found: LogReview) -> ErrorGroup:
    [only] = found.errors
    return only


def test_an_unknown_service_and_source_have_no_lines(history: Engine) -> None:
    found = review(history)
    [source] = found.sources
    assert (source.counts, source.newest, source.hours, found.warm_days) == (Lines(), None, (), 0)
    assert (found.modules, found.errors, found.personal, found.security_daily) == ((), (), (), ())


def test_hours_at_the_borders_of_the_period(history: Engine) -> None:
    # Until 09:00:10, so since 09:00:10 the day before: whole hours from 09:00 to before 10:00.
    store(history, batch({0: 1, 24: 10, 25: 100, -1: 1000}))
    found = review(history)
    assert found.since == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert found.sources[0].counts.lines == 11
    assert found.sources[0].ahead == 1000
    [module] = found.modules
    assert (module.lines, module.valid, module.bad, module.errors) == (11, 11, 2, 2)
    assert [hour.counts.parsed for hour in found.sources[0].hours] == [10, *[0] * 23]  # the running hour is not
    at_the_full_hour = review(history, UNTIL.replace(second=0))
    assert at_the_full_hour.sources[0].counts.lines == 10
    assert at_the_full_hour.sources[0].ahead == 1001


def test_the_newest_line_is_one_of_the_period_that_has_a_time(history: Engine) -> None:
    store(history, batch({30: 1, 3: 1, 2: 1}))
    found = [(s.newest, s.newest_step_min) for s in review(history).sources]
    assert found == [(datetime(2026, 11, 24, 7, tzinfo=UTC), 1)]
    store(history, batch({0: 5}, undated=5))  # lines without a time stand where they were read
    assert [(s.newest, s.newest_step_min) for s in review(history).sources] == found
    store(history, batch({-30: 1}))  # one line of tomorrow, and nothing that is written now
    assert [(s.newest, s.newest_step_min) for s in review(history).sources] == [(found[0][0], 60)]
    [past] = review(history, datetime(2026, 11, 23, 9, tzinfo=UTC)).sources
    assert (past.newest, past.newest_step_min) == (datetime(2026, 11, 23, 3, tzinfo=UTC), 60)


def test_a_day_of_the_zone_has_23_or_25_hours_when_the_clocks_change(history: Engine) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)):
        since = datetime.fromisoformat(day).replace(tzinfo=berlin)
        until = (datetime.fromisoformat(day) + DAY).replace(tzinfo=berlin)
        first = NOW_HOUR - int(since.timestamp()) // 3600
        store(history, batch({first + 1: 1, first: 10, first - hours + 1: 10, first - hours: 1}, module=day))
        found = review(history, until, since)
        assert [m.lines for m in found.modules if m.module == day] == [20], day
        assert len(found.security) == hours


class TestWarm:
    """The days before that a log tells of."""

    def test_whole_days_from_the_first_line_on(self, history: Engine) -> None:
        # A line a day; the day on which the log begins is no whole one.
        for oldest, days in ((24, 0), (47, 0), (48, 1), (24 * 7 + 23, 6), (24 * 8, 7), (24 * 99, 28)):
            service = f"from-{oldest}"
            store(history, batch(dict.fromkeys(range(24, oldest + 1, 24), 1) | {oldest: 1}), service=service)
            found = review(history, service=service)
            assert (found.warm_days, len(found.security_daily)) == (days, days), oldest
        nothing_of_others = review(history)
        assert (nothing_of_others.warm_days, nothing_of_others.modules, nothing_of_others.errors) == (0, (), ())

    def test_neither_an_old_time_among_new_lines_nor_a_lost_day_is_a_quiet_day(self, history: Engine) -> None:
        store(history, batch({1: 100, NOW_HOUR: 1, 24 * 20: 1}), service="odd")  # 1970, and twenty days ago
        assert review(history, service="odd").warm_days == 1
        every_day = {24 * day + 1: 10 for day in range(29)}
        lost = {back: count for back, count in every_day.items() if not 24 * 5 <= back < 24 * 15}
        store(history, batch(lost, errors=dict.fromkeys(lost, 4)))
        found = review(history)
        assert found.warm_days == 27 - 10
        assert group(found).daily == (4,) * 17
        assert found.security_daily == (3,) * 17


class TestErrors:
    """Counts of the period and of the days before."""

    def test_daily_counts_end_where_the_period_begins(self, history: Engine) -> None:
        counts = {0: 1, 24: 2, 25: 4, 48: 8, 49: 16, 24 * 28: 32, 24 * 29: 64, 24 * 29 + 1: 128}
        everywhere = {24 * day: 1 for day in range(30)} | {24 * 29 + 1: 1}
        store(history, batch(everywhere | dict.fromkeys(counts, 1), errors=counts))
        found = group(review(history))
        # The oldest of the 28 days holds 09:00 of its first day to 08:59: hours 29 * 24 to 28 * 24 + 1 back.
        assert (found.lines, len(found.daily)) == (3, 28)
        assert (found.daily[-1], found.daily[-2], found.daily[0]) == (12, 16, 64)
        assert found.daily[1] == 32

    def test_an_error_is_listed_while_the_four_weeks_hold_a_line_of_it(self, history: Engine) -> None:
        store(history, batch({1: 1, 24 * 40: 1}, errors={24 * 29 + 1: 5}))
        assert review(history).errors == ()
        store(history, batch({1: 1}, errors={24 * 29: 5}))
        assert group(review(history)).lines == 0

    def test_lines_after_the_fix_count_by_their_hour(self, history: Engine) -> None:
        store(history, batch({24 * 9: 1, 1: 1}, errors={30: 1, 5: 2, 3: 4, 1: 8}))
        fixed = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
        values = {"state": "resolved", "resolved_at": fixed, "resolved_release": "1.10", "last_release": "1.9"}
        with writing(history) as connection:
            connection.execute(update(error_groups).values(**values))
        found = group(review(history))
        assert (found.lines, found.lines_since_fix, found.resolved_at) == (14, 12, fixed)
        assert error_state(found, review(history), LogLimits()) is ErrorState.UNJUDGED  # an older release
        assert group(review(history, fixed + timedelta(minutes=40))).lines_since_fix == 4  # 06:00 is its last hour

    def test_lines_without_a_time_alone(self, history: Engine) -> None:
        made = batch({24 * 9: 1, 1: 9}, errors={1: 9})
        seen = made.errors[KEY.fingerprint]
        seen.first = seen.last = None
        store(history, *(batch({24 * day: 1}) for day in range(1, 10)), made)
        found = group(review(history))
        assert (found.first_seen, found.last_seen, found.lines) == (None, None, 9)
        assert error_state(found, review(history), LogLimits()) is ErrorState.NEW


def test_what_an_hour_and_a_day_of_a_module_usually_hold(history: Engine) -> None:
    weeks = range(1, 24 * 9)
    store(
        history,
        batch(dict.fromkeys(weeks, 10), module="busy"),  # nothing yet in the running hour
        batch({back: 10 for back in weeks if back % 24 >= 5}, module="asleep"),
        batch({24 * 60: 10}, module="dead"),
        batch({0: 1}, module="born"),
    )
    found = {
        m.module: (m.lines, m.recent_lines, m.usual_lines, m.usual_day_lines, m.days) for m in review(history).modules
    }
    assert found == {
        "busy": (240, 10, 10, 240, 7),
        "asleep": (190, 0, 0, 190, 7),
        "dead": (0, 0, 0, 0, 7),
        "born": (1, 1, 0, 0, 7),
    }


def test_on_the_first_day_nothing_is_usual(history: Engine) -> None:
    store(history, batch(dict.fromkeys(range(25), 10)))
    [module] = review(history).modules
    assert (module.usual_lines, module.usual_day_lines, module.days) == (None, None, 0)
    assert {hour.usual for hour in review(history).sources[0].hours} == {None}


def test_what_an_hour_of_a_source_usually_holds_is_known_after_a_week(history: Engine) -> None:
    store(history, batch({back: 10 for back in range(1, 24 * 9 + 2) if back != 3}))
    [source] = review(history).sources
    assert len(source.hours) == 24
    assert {hour.usual for hour in source.hours} == {HourCounts(10, 10, 10, 10)}
    assert [hour.hour.hour for hour in source.hours if not hour.counts.parsed] == [6]
    young = review(history, UNTIL - timedelta(days=2)).sources[0].hours
    assert [hour.usual is None for hour in young] == [True] * 24


def test_samples_are_the_latest(history: Engine) -> None:
    torn = [replace_samples(batch({1: 1}), [f"torn {n}"]) for n in range(7)]
    store(history, *torn)
    [source] = review(history).sources
    assert source.samples == tuple(f"torn {n}" for n in (6, 5, 4, 3, 2))


def test_fields_are_read_by_hour_of_the_period_and_the_week_before(history: Engine) -> None:
    counts = {0: 1, 1: 2, 24: 4, 25: 8, 24 * 8: 16, 24 * 8 + 1: 32, -1: 64}
    store(history, batch(counts), batch({1: 2}))
    [source] = review(history).sources
    hours = {(UNTIL.replace(second=0) - hour) / timedelta(hours=1): counts for hour, counts in source.fields.items()}
    expected = {0: 1, 1: 4, 24: 4, 25: 8, 24 * 8: 16}
    assert hours == {back: {"": count, "status": count} for back, count in expected.items()}


def test_moments_with_possibly_missing_lines_are_counted_in_the_period(history: Engine) -> None:
    made = batch({1: 5, 30: 5})
    made.lines[NOW_HOUR - 1].crowded = 2
    made.lines[NOW_HOUR - 30].crowded = 1
    store(history, made)
    [source] = review(history).sources
    assert source.counts.crowded == 2


def replace_samples(made: Batch, samples: list[str]) -> Batch:
    return replace(made, samples=samples)
