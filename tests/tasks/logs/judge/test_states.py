"""Where an error stands: versions are compared only where they can be, and no count of zero days hides a return."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.logs.count.batch import Exemplar
from tasks.logs.facts import ErrorGroup, LogReview
from tasks.logs.judge.states import ErrorState, error_state, is_from_before_the_fix, is_older, is_unclear, most_lines
from tasks.logs.limits import LogLimits
from tests.deep import examples

UNTIL = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
SINCE = UNTIL - timedelta(hours=24)
FIXED = SINCE - timedelta(days=3)
LIMITS = LogLimits()
KNOWN = ErrorGroup(
    fingerprint="0123456789abcdef0123456789abcdef",
    module="orders",
    name="TypeError",
    message="x is undefined",
    frame="app.js",
    exemplar=Exemplar("x is undefined", "", "error", "", ""),
    first_seen=SINCE - timedelta(days=20),
    last_seen=UNTIL - timedelta(hours=1),
    first_release="1.8.0",
    last_release="1.9.0",
    state="open",
    resolved_at=None,
    resolved_release="",
    assignee="",
    lines=40,
    lines_since_fix=0,
    daily=(40,) * 28,
)
RESOLVED = replace(KNOWN, state="resolved", resolved_at=FIXED, lines_since_fix=40)


def review(warm_days: int = 28, since: datetime = SINCE, until: datetime = UNTIL) -> LogReview:
    return LogReview(since, until, warm_days, (), (), (), (), (), ())


def state(group: ErrorGroup, warm_days: int = 28) -> ErrorState:
    return error_state(replace(group, daily=group.daily[len(group.daily) - warm_days :]), review(warm_days), LIMITS)


class TestNew:
    """Never seen before: by its first line and by the days before, once the log is a week old."""

    NEW = replace(KNOWN, first_seen=SINCE, daily=(0,) * 28)

    def test_from_the_first_minute_of_the_period_on(self) -> None:
        assert state(self.NEW) is ErrorState.NEW
        before = replace(self.NEW, first_seen=SINCE - timedelta(microseconds=1))
        assert state(before) is not ErrorState.NEW

    def test_an_error_without_any_readable_time_is_new_until_a_day_before_has_it(self) -> None:
        undated = replace(self.NEW, first_seen=None, last_seen=None)
        assert state(undated) is ErrorState.NEW
        assert state(replace(undated, daily=(*(0,) * 27, 40))) is ErrorState.KNOWN

    @pytest.mark.parametrize(("days", "expected"), [(6, ErrorState.UNJUDGED), (7, ErrorState.NEW), (8, ErrorState.NEW)])
    def test_nothing_is_new_before_the_log_is_a_week_old(self, days: int, expected: ErrorState) -> None:
        assert state(self.NEW, days) is expected

    def test_an_error_outside_the_period_is_gone_whatever_its_decision(self) -> None:
        for group in (KNOWN, RESOLVED, replace(KNOWN, state="ignored")):
            assert state(replace(group, lines=0, lines_since_fix=0)) is ErrorState.GONE


class TestUnclear:
    """A text that varies: new wordings are only normal where they have come on many days."""

    NAMES = replace(KNOWN, message="no user <*>", daily_unseen=(0,) * 28)
    REST = replace(KNOWN, message="<*>", daily_unseen=(5,) * 28)

    @staticmethod
    def unclear(group: ErrorGroup) -> bool:
        return is_unclear(group, review(), LIMITS)

    def test_without_new_wordings_it_is_known(self) -> None:
        assert not self.unclear(self.NAMES) and not self.unclear(self.REST)
        assert not self.unclear(replace(self.NAMES, unseen=1, lines=0))

    @pytest.mark.parametrize(("days", "expected"), [(6, True), (7, False), (8, False)])
    def test_new_wordings_are_normal_after_a_week_of_them(self, days: int, expected: bool) -> None:
        assert self.unclear(replace(self.NAMES, unseen=1, daily_unseen=(3,) * days + (0,) * (28 - days))) is expected

    def test_more_of_them_than_chance_gives_are_not(self) -> None:
        usual = replace(self.NAMES, daily_unseen=(40,) * 28)
        assert [self.unclear(replace(usual, unseen=count)) for count in (61, 62)] == [False, True]  # Poisson(40), 0.999

    def test_texts_with_nothing_in_common_are_never_normal(self) -> None:
        assert self.unclear(replace(self.REST, unseen=1))

    def test_what_was_not_counted_is_not_known(self) -> None:
        assert self.unclear(replace(self.REST, unseen=None))


class TestRegressed:
    """Back after it was resolved, in the release of the fix or a later one."""

    @pytest.mark.parametrize(
        ("fixed_in", "seen_in", "expected"),
        [
            ("1.10", "1.9", ErrorState.KNOWN),
            ("1.10", "1.10", ErrorState.REGRESSED),
            ("1.10", "1.10.0", ErrorState.REGRESSED),
            ("1.10", "1.11", ErrorState.REGRESSED),
            ("v1.10.0", "v1.9.12+build.7", ErrorState.KNOWN),
            ("2026.11.20", "2026.11.19", ErrorState.KNOWN),
            ("", "1.9", ErrorState.REGRESSED),
            ("1.10", "", ErrorState.REGRESSED),
            ("a10b2c3", "3f9e001", ErrorState.REGRESSED),
            ("9999999", "1234567", ErrorState.REGRESSED),
            ("web-2.0", "api-1.0", ErrorState.REGRESSED),
            ("1.10", "nightly", ErrorState.REGRESSED),
        ],
    )
    def test_only_a_release_that_is_surely_older_excuses_it(
        self, fixed_in: str, seen_in: str, expected: ErrorState
    ) -> None:
        group = replace(RESOLVED, resolved_release=fixed_in, last_release=seen_in)
        assert state(group) is expected
        assert is_from_before_the_fix(group, review()) is (expected is ErrorState.KNOWN)

    def test_it_is_seen_after_the_fix_and_not_at_its_instant(self) -> None:
        last = RESOLVED.last_seen
        assert last is not None
        for fixed, expected in ((last, ErrorState.KNOWN), (last - timedelta(microseconds=1), ErrorState.REGRESSED)):
            assert state(replace(RESOLVED, resolved_at=fixed, lines_since_fix=0)) is expected

    def test_lines_without_a_readable_time_after_the_fix_are_back_whatever_release_was_seen_before_it(self) -> None:
        undated = replace(RESOLVED, last_seen=FIXED - timedelta(days=1), last_release="1.9", resolved_release="1.10")
        assert state(undated) is ErrorState.REGRESSED
        assert state(replace(undated, last_seen=None)) is ErrorState.REGRESSED

    def test_a_day_before_the_fix_has_no_regression(self) -> None:
        later = replace(RESOLVED, resolved_at=UNTIL, last_seen=UNTIL + timedelta(days=2), lines_since_fix=0)
        assert state(later) is ErrorState.KNOWN

    def test_an_ignored_error_that_comes_back_stays_ignored(self) -> None:
        assert state(replace(RESOLVED, state="ignored", lines=10**6)) is ErrorState.IGNORED

    def test_it_needs_no_week_of_log(self) -> None:
        assert state(RESOLVED, 0) is ErrorState.REGRESSED

    @given(st.lists(st.integers(0, 99), min_size=2, max_size=4), st.lists(st.integers(0, 99), min_size=2, max_size=4))
    @settings(max_examples=examples(60))
    def test_versions_have_one_order(self, one: list[int], other: list[int]) -> None:
        a, b = (".".join(map(str, numbers)) for numbers in (one, other))
        longest = max(len(one), len(other))
        padded = [numbers + [0] * (longest - len(numbers)) for numbers in (one, other)]
        assert is_older(a, b) is (padded[0] < padded[1])
        assert not (is_older(a, b) and is_older(b, a)) and not is_older(a, a)

    @given(st.text(max_size=30), st.text(max_size=30))
    @settings(max_examples=examples(60))
    def test_no_release_breaks_the_comparison(self, one: str, other: str) -> None:
        assert not (is_older(one, other) and is_older(other, one))


class TestSpiking:
    """More lines than chance would give after the days before."""

    def test_at_the_limit_it_is_known_and_above_it_spikes(self) -> None:
        assert most_lines(KNOWN, LIMITS) == 61  # Poisson(40), quantile 0.999
        assert state(replace(KNOWN, lines=61)) is ErrorState.KNOWN
        assert state(replace(KNOWN, lines=62)) is ErrorState.SPIKING

    def test_an_error_back_after_more_than_four_weeks_is_compared_with_zeros(self) -> None:
        quiet = replace(KNOWN, daily=(0,) * 28, first_seen=SINCE - timedelta(days=90))
        assert most_lines(quiet, LIMITS) == 2  # Poisson(3/28)
        assert state(replace(quiet, lines=2)) is ErrorState.KNOWN
        assert state(replace(quiet, lines=3)) is ErrorState.SPIKING
        assert state(replace(quiet, lines=100_000)) is ErrorState.SPIKING

    def test_fewer_days_give_more_room(self) -> None:
        assert most_lines(replace(KNOWN, daily=(0,) * 7), LIMITS) == 4  # Poisson(3/7)
        assert state(replace(KNOWN, lines=62, daily=(40,) * 7), 7) is ErrorState.SPIKING
        assert state(replace(KNOWN, lines=10**6, daily=(40,) * 6), 6) is ErrorState.UNJUDGED

    def test_several_days_are_compared_by_their_daily_mean(self) -> None:
        week = review(since=UNTIL - timedelta(days=7))
        assert error_state(replace(KNOWN, lines=7 * 61), week, LIMITS) is ErrorState.KNOWN
        assert error_state(replace(KNOWN, lines=7 * 61 + 1), week, LIMITS) is ErrorState.SPIKING
        of_25_hours = review(since=UNTIL - timedelta(hours=25))
        assert error_state(replace(KNOWN, lines=62), of_25_hours, LIMITS) is ErrorState.SPIKING
