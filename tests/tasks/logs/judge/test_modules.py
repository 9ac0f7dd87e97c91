"""Log judges of modules: inside, at and outside each limit, and never a PASS for what was not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.check_result import Chart, CheckResult, Limit, Quantity, Status, Table, msg, verbatim
from tasks.logs.count.batch import Lines
from tasks.logs.facts import LogReview, ModuleLines, PersonalData, RequestTimes, SecurityHour, SourceLines
from tasks.logs.judge.modules import (
    judge_error_share,
    judge_personal_data,
    judge_refused_requests,
    judge_silent_modules,
)
from tasks.logs.limits import LogLimits
from tests.deep import examples

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
SINCE = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
LIMITS = LogLimits()
HOSTILE = ("<script>alert(1)</script>", "m" * 80, "a\u202egnp.exe", "{oops} %s")


def module(name: str = "orders", **changed: Any) -> ModuleLines:
    usual = ModuleLines(name, 2400, 0, 0, 0, 0, recent_lines=150, usual_lines=100, usual_day_lines=2400, days=7)
    return replace(usual, **changed)


def review(
    *modules: ModuleLines,
    requests: int = 0,
    parsed: int = 2400,
    personal: Sequence[PersonalData] = (),
    security: Mapping[int, tuple[int, int]] = {},
    daily: Sequence[int] = (),
) -> LogReview:
    counts = Lines(lines=parsed, parsed=parsed, requests=requests)
    lines = SourceLines("app", counts, (), {}, NOW, 1, 0, (), (), False)
    hours = tuple(SecurityHour(SINCE + timedelta(hours=h), *security.get(h, (0, 0))) for h in range(25))
    return LogReview(SINCE, NOW, len(daily), (lines,), modules, (), tuple(personal), hours, tuple(daily))


def reason_of(result: CheckResult) -> str:
    return result.reason.text.format(**result.reason.params)


class TestErrorShare:
    """The guide's error rate below 0.1 %, by module."""

    @staticmethod
    def judged(bad: int, valid: int, limits: LogLimits = LIMITS) -> CheckResult:
        [result] = judge_error_share(review(module(valid=valid, bad=bad)), limits, NOW)
        assert result.subject == "module:orders"
        return result

    @pytest.mark.parametrize(
        ("bad", "valid", "status"),
        [
            (0, 1, Status.PASS),
            (3, 3001, Status.PASS),  # just inside 0.1 %
            (3, 3000, Status.FAIL),  # at it: the guide says "below"
            (3, 2999, Status.FAIL),
            (1, 1001, Status.PASS),
            (1, 1000, Status.WARN),  # over any share, but one request
            (2, 3, Status.WARN),
            (3, 3, Status.FAIL),
        ],
    )
    def test_the_limit_and_the_least_count(self, bad: int, valid: int, status: Status) -> None:
        result = self.judged(bad, valid)
        assert result.status is status
        assert result.limit == Limit("<", 0.1, "%", msg("the guide's SLI table"))
        assert ("fails at 3 or more" in reason_of(result)) is (status is Status.WARN)

    def test_a_limit_of_zero_allows_none_and_passes_none(self) -> None:
        strict = LogLimits(max_error_share=0, min_bad_requests=1)
        assert [self.judged(bad, 10**6, strict).status for bad in (0, 1)] == [Status.PASS, Status.FAIL]

    def test_a_share_just_below_the_limit_does_not_read_like_it(self) -> None:
        observed = self.judged(99_999, 10**8).observed
        assert observed is not None and isinstance(observed.value, float) and 0.0999 < observed.value < 0.1

    def test_the_worst_module_carries_the_chart_of_all(self) -> None:
        results = judge_error_share(review(module("a", valid=10), module("b", valid=1000, bad=5)), LIMITS, NOW)
        assert [(r.subject, r.status) for r in results] == [("module:a", Status.PASS), ("module:b", Status.FAIL)]
        [chart] = results[1].evidence
        assert isinstance(chart, Chart) and (chart.labels, chart.values, chart.limit) == (("a", "b"), (0.0, 0.5), 0.1)
        assert results[0].evidence == ()

    def test_the_chart_of_many_modules_shows_the_worst_twenty(self) -> None:
        results = judge_error_share(review(*(module(f"m{n}", valid=100, bad=n) for n in range(30))), LIMITS, NOW)
        chart = results[-1].evidence[0]
        assert len(results) == 30 and isinstance(chart, Chart) and chart.labels[:2] == ("m29", "m28")
        assert len(chart.labels) == 20

    @pytest.mark.parametrize(
        ("bad", "unread", "status", "worst"),
        [
            (0, 0, Status.PASS, None),
            (0, 2, Status.PASS, None),  # a torn line or two, whatever the share
            (1, 2, Status.UNKNOWN, "0.299 %"),
            (0, 3, Status.UNKNOWN, "0.299 %"),
            (3, 3, Status.FAIL, None),
        ],
    )
    def test_lines_that_cannot_be_read_count_as_failed_at_worst(
        self, bad: int, unread: int, status: Status, worst: str | None
    ) -> None:
        whole = review(module(valid=1001, bad=bad))
        [source] = whole.sources
        lines = Lines(lines=1001, parsed=1001, torn=unread // 2, unanswered=unread - unread // 2)
        [result] = judge_error_share(replace(whole, sources=(replace(source, counts=lines),)), LIMITS, NOW)
        assert result.status is status
        assert (worst is None or worst.removesuffix(" %") in reason_of(result)) and (
            status is not Status.PASS or (f"{unread} more" in reason_of(result)) is bool(unread)
        )

    def test_within_the_budget_of_a_large_log_torn_lines_leave_it_green(self) -> None:
        for valid, status in ((3000, Status.PASS), (2990, Status.UNKNOWN)):
            whole = review(module(valid=valid))
            lines = Lines(lines=valid, parsed=valid, torn=3)
            sources = (replace(whole.sources[0], counts=lines),)
            assert judge_error_share(replace(whole, sources=sources), LIMITS, NOW)[0].status is status

    def test_modules_beyond_the_hundred_that_are_kept_apart_do_not_pass_together(self) -> None:
        for count, status in ((99, Status.PASS), (100, Status.UNKNOWN)):
            many = review(*(module(f"m{n}", valid=10) for n in range(count)), module("other", valid=10))
            assert judge_error_share(many, LIMITS, NOW)[-1].status is status

    def test_routes_and_logs_stand_beside_the_worst_module(self) -> None:
        whole = review(module(valid=20, bad=2))
        [source] = whole.sources
        times = (
            RequestTimes("orders", "", 20, 2, 20, 4, 20.0, 400.0),
            RequestTimes("orders", "/quick", 10, 0, 0, 0, None, None),
            RequestTimes("orders", "/slow", 10, 0, 10, 4, 20.0, 400.0),
            RequestTimes("orders", "/broken", 10, 2, 10, 0, 20.0, 21.0),
        )
        counts = Lines(lines=20, parsed=20, requests=10)
        sources = (replace(source, name="a", counts=counts, bad=2), replace(source, name="b", counts=counts))
        [result] = judge_error_share(replace(whole, times=times, sources=sources), LIMITS, NOW)
        _, routes, logs = result.evidence
        assert isinstance(routes, Table) and isinstance(logs, Table)
        assert [row[1:] for row in routes.rows] == [
            ("/broken", 10, 2, 20.0, 21.0, 200.0),
            ("/slow", 10, 0, 0.0, 400.0, 200.0),
            ("/quick", 10, 0, 0.0, None, 200.0),
        ]
        assert logs.rows == (("a", 10, 2, 20.0), ("b", 10, None, None))

    def test_no_request_is_unknown(self) -> None:
        for modules in ((), (module(),)):
            [result] = judge_error_share(review(*modules), LIMITS, NOW)
            assert (result.status, "no requests" in reason_of(result)) == (Status.UNKNOWN, True)

    def test_of_a_day_whose_minutes_are_partly_dropped_only_a_finding_stands(self) -> None:
        old = review(module("a", valid=600), module("b", valid=300, bad=9), requests=901)
        results = judge_error_share(old, LIMITS, NOW)
        assert [(r.subject, r.status) for r in results] == [("module:b", Status.FAIL), ("module:a", Status.UNKNOWN)]
        assert "Only 900 of 901 requests" in reason_of(results[1])
        whole = judge_error_share(review(module("a", valid=900), requests=900), LIMITS, NOW)
        assert [r.status for r in whole] == [Status.PASS]

    @given(st.integers(1, 10**7).flatmap(lambda valid: st.tuples(st.integers(0, valid), st.just(valid))))
    @settings(max_examples=examples(80))
    def test_green_exactly_below_the_limit_and_red_only_from_three_on(self, counts: tuple[int, int]) -> None:
        bad, valid = counts
        status = self.judged(bad, valid).status
        assert (status is Status.PASS) is (bad == 0 or bad / valid < 0.001)
        assert status is not Status.FAIL or bad >= 3


class TestSilence:
    """By the hour where lines are frequent, by the period where they are not."""

    @staticmethod
    def judged(found: ModuleLines | None, expected: Sequence[str] = ("orders",)) -> CheckResult:
        results = judge_silent_modules(review(*([found] if found else [])), expected, LIMITS, NOW)
        assert len(results) == 1
        return results[0]

    def test_one_line_is_no_silence(self) -> None:
        result = self.judged(module(recent_lines=1))
        assert (result.status, result.observed) == (Status.PASS, Quantity(1))

    @pytest.mark.parametrize(("usual", "status"), [(9.9, Status.PASS), (10, Status.FAIL), (11, Status.FAIL)])
    def test_two_hours_without_a_line_fail_when_ten_an_hour_are_usual(self, usual: float, status: Status) -> None:
        result = self.judged(module(recent_lines=0, usual_lines=usual))
        assert result.status is status
        assert result.observed == Quantity(2400 if status is Status.PASS else 0)

    def test_a_module_that_always_sleeps_at_night_is_no_finding_when_it_wrote_by_day(self) -> None:
        result = self.judged(module(recent_lines=0, usual_lines=0))
        assert (result.status, "in the period" in reason_of(result)) == (Status.PASS, True)

    @pytest.mark.parametrize(("days", "status"), [(0, Status.WARN), (6, Status.WARN), (7, Status.FAIL)])
    def test_in_the_first_week_a_silence_is_watched(self, days: int, status: Status) -> None:
        assert self.judged(module(recent_lines=0, days=days)).status is status
        assert self.judged(module(recent_lines=0, lines=0, usual_lines=0, days=days)).status is status

    @pytest.mark.parametrize(
        ("usual_day", "status"), [(None, Status.FAIL), (0, Status.FAIL), (9, Status.WARN), (10, Status.FAIL)]
    )
    def test_a_whole_period_without_a_line_is_never_green(self, usual_day: float | None, status: Status) -> None:
        quiet = module(recent_lines=0, lines=0, usual_lines=0, usual_day_lines=usual_day)
        assert self.judged(quiet).status is status

    def test_one_that_died_long_ago_does_not_become_usual(self) -> None:
        dead = module(recent_lines=0, lines=0, usual_lines=0, usual_day_lines=0)
        assert (self.judged(dead).status, self.judged(dead).observed) == (Status.FAIL, Quantity(0))

    def test_one_that_never_wrote_is_unknown(self) -> None:
        result = self.judged(None)
        assert (result.status, "check its spelling" in reason_of(result)) == (Status.UNKNOWN, True)

    def test_without_listed_modules_the_busy_ones_are_checked(self) -> None:
        quiet = module("rare", usual_lines=9, usual_day_lines=200)
        fell_silent = module("night", recent_lines=0, lines=0, usual_lines=0, usual_day_lines=50)
        found = review(module(recent_lines=0), quiet, fell_silent)
        results = judge_silent_modules(found, (), LIMITS, NOW)
        assert [(r.subject, r.status) for r in results] == [
            ("module:night", Status.FAIL),
            ("module:orders", Status.FAIL),
        ]
        [skipped] = judge_silent_modules(review(quiet), (), LIMITS, NOW)
        assert (skipped.status, "[service] modules" in reason_of(skipped)) == (Status.SKIPPED, True)

    @given(
        st.integers(0, 5),
        st.integers(0, 50),
        st.one_of(st.none(), st.floats(0, 50)),
        st.one_of(st.none(), st.floats(0, 500)),
        st.integers(0, 7),
    )
    @settings(max_examples=examples(80))
    def test_no_silence_where_lines_are_expected_is_green(
        self, recent: int, earlier: int, usual: float | None, usual_day: float | None, days: int
    ) -> None:
        found = module(
            recent_lines=recent, lines=recent + earlier, usual_lines=usual, usual_day_lines=usual_day, days=days
        )
        status = self.judged(found).status
        if not recent and (not earlier or (usual or 0) >= 10):
            assert status in (Status.WARN, Status.FAIL)
        else:
            assert status is Status.PASS


class TestPersonalData:
    """Counted by module and kind; a clean log was searched first."""

    def test_a_searched_and_clean_log_passes(self) -> None:
        [result] = judge_personal_data(review(), LIMITS, NOW)
        assert (result.status, reason_of(result)) == (Status.PASS, "No personal data found in 2400 lines")

    def test_nothing_searched_is_unknown(self) -> None:
        assert [r.status for r in judge_personal_data(review(parsed=0), LIMITS, NOW)] == [Status.UNKNOWN]

    @pytest.mark.parametrize(("most", "status"), [(9, Status.WARN), (10, Status.PASS), (11, Status.PASS)])
    def test_kinds_add_up(self, most: int, status: Status) -> None:
        found = (PersonalData("users", "email", 4), PersonalData("users", "card", 6))
        [result] = judge_personal_data(review(personal=found), LogLimits(max_personal_data_lines=most), NOW)
        assert (result.status, result.observed, result.subject) == (status, Quantity(10), "module:users")
        [table] = result.evidence
        assert isinstance(table, Table)
        assert table.rows == ((msg("e-mail address"), 4), (msg("card number"), 6))

    def test_a_kind_without_words_is_shown_by_its_name(self) -> None:
        [result] = judge_personal_data(review(personal=[PersonalData("users", "iban", 1)]), LIMITS, NOW)
        assert isinstance(result.evidence[0], Table) and result.evidence[0].rows == ((verbatim("iban"), 1),)


class TestRefused:
    """401 and 403 against the days before."""

    def test_at_the_limit_it_passes_and_above_it_warns(self) -> None:
        usual = [40] * 28  # Poisson(40), quantile 0.999: 61
        for forbidden, status in ((20, Status.PASS), (21, Status.PASS), (22, Status.WARN)):
            found = review(requests=1000, security={3: (40, forbidden)}, daily=usual)
            result = judge_refused_requests(found, LIMITS, NOW)
            assert (result.status, result.observed) == (status, Quantity(40 + forbidden))
            assert result.limit is not None and result.limit.value == 61
            [table] = result.evidence
            assert isinstance(table, Table) and table.rows == (("2026-11-23T03:00Z", 40, forbidden),)

    def test_no_request_is_unknown_and_no_refusal_passes(self) -> None:
        assert judge_refused_requests(review(daily=[0] * 28), LIMITS, NOW).status is Status.UNKNOWN
        for result in (
            *judge_error_share(review(), LIMITS, NOW, counted=False),
            judge_refused_requests(review(daily=[0] * 28), LIMITS, NOW, counted=False),
        ):
            assert (result.status, result.reason) == (Status.SKIPPED, msg("No log source counts requests"))
        result = judge_refused_requests(review(requests=1, daily=[0] * 28), LIMITS, NOW)
        assert (result.status, result.evidence) == (Status.PASS, ())

    @pytest.mark.parametrize(("days", "status"), [(0, Status.SKIPPED), (6, Status.SKIPPED), (7, Status.WARN)])
    def test_what_is_usual_needs_a_week(self, days: int, status: Status) -> None:
        found = review(requests=1000, security={1: (900, 0)}, daily=[2] * days)
        assert judge_refused_requests(found, LIMITS, NOW).status is status


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_module_becomes_a_text_of_ours(name: str) -> None:
    found = review(
        module(name, valid=10, bad=9, recent_lines=0),
        requests=10,
        personal=[PersonalData(name, "email", 1)],
    )
    results = [
        *judge_error_share(found, LIMITS, NOW),
        *judge_silent_modules(found, (name,), LIMITS, NOW),
        *judge_personal_data(found, LIMITS, NOW),
    ]
    assert [r.subject for r in results] == [f"module:{name}"] * 3
    for result in results:
        assert name not in result.reason.text and reason_of(result)


def test_without_a_log_all_are_skipped() -> None:
    results = [
        *judge_error_share(None, LIMITS, NOW),
        *judge_silent_modules(None, ("orders",), LIMITS, NOW),
        *judge_personal_data(None, LIMITS, NOW),
        judge_refused_requests(None, LIMITS, NOW),
    ]
    assert {(r.status, reason_of(r)) for r in results} == {
        (Status.SKIPPED, "No log source is configured: set [[logs.source]]")
    }
