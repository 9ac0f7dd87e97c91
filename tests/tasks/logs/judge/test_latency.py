"""p95 of each module: inside, at and above the limit, and never a PASS for what was not measured."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.check_result import CheckResult, Status
from tasks.logs.facts import LogReview, RequestTimes
from tasks.logs.judge.durations import doubtful_durations
from tasks.logs.judge.latency import judge_latency
from tasks.logs.settings import Fields, Logs, Source

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
APP = Source(name="app", kind="file", paths=("app.log",))
WRITTEN = APP.model_copy(update={"duration_unit": "ms"})
ORDERS = RequestTimes("orders", "", valid=200, bad=0, timed=200, slow=10, median_ms=20.0, p95_ms=199.0)


def judged(times: RequestTimes, source: Source = APP) -> CheckResult:
    whole = LogReview(NOW - timedelta(days=1), NOW, 28, (), (), (), (), (), (), (times,))
    [result] = judge_latency(whole, Logs(source=(source,)), NOW)
    return result


@pytest.mark.parametrize(
    ("slow", "status"),
    [(9, Status.PASS), (10, Status.PASS), (11, Status.WARN)],  # p95 is the 190th of 200
)
def test_the_count_of_slow_requests_decides(slow: int, status: Status) -> None:
    assert judged(replace(ORDERS, slow=slow)).status is status


@pytest.mark.parametrize(
    ("valid", "timed", "status"),
    [
        (99, 99, Status.SKIPPED),
        (100, 100, Status.PASS),
        (200, 190, Status.PASS),
        (200, 189, Status.UNKNOWN),
        (200, 99, Status.UNKNOWN),
    ],
)
def test_too_few_requests_are_not_judged_and_too_few_durations_leave_it_unknown(
    valid: int, timed: int, status: Status
) -> None:
    assert judged(replace(ORDERS, valid=valid, timed=timed, slow=0)).status is status


def test_a_slow_module_stays_slow_whatever_was_not_measured() -> None:
    assert judged(replace(ORDERS, timed=120, slow=60)).status is Status.WARN


class TestUnit:
    """Durations that are read in a unit that they are not in."""

    @pytest.mark.parametrize(
        ("median_ms", "doubtful"),
        [(0.99, True), (1.0, False), (3_600_000.0, False), (3_600_001.0, True), (None, False)],
    )
    def test_a_median_that_no_service_has_is_doubted(self, median_ms: float | None, doubtful: bool) -> None:
        found = doubtful_durations(Logs(source=(APP,)), median_ms, 200)
        assert (found is not None) is doubtful
        assert found is None or ("duration_unit" in found.text and found.params["sources"] == "app")

    def test_a_unit_that_is_written_out_is_believed_even_if_it_is_the_default(self) -> None:
        quick = replace(ORDERS, median_ms=0.3, slow=0)
        assert judged(quick).status is Status.UNKNOWN
        assert judged(quick, WRITTEN).status is Status.PASS

    def test_a_handful_of_requests_says_nothing_of_the_unit(self) -> None:
        assert doubtful_durations(Logs(source=(APP,)), 0.05, 99) is None
        assert doubtful_durations(Logs(source=(APP,)), 0.05, 100) is not None

    def test_access_logs_and_logs_without_requests_have_their_unit(self) -> None:
        for changed in ({"format": "combined"}, {"requests": False}):
            logs = Logs(source=(APP.model_copy(update=changed),))
            assert doubtful_durations(logs, 0.05, 1000) is None


def test_a_log_without_durations_is_asked_for_them_only_where_they_are_mapped() -> None:
    none = replace(ORDERS, timed=0, slow=0, median_ms=None, p95_ms=None)
    mapped = APP.model_copy(update={"fields": Fields(duration="took_ms")})
    assert judged(none).status is Status.SKIPPED
    assert judged(none, mapped).status is Status.UNKNOWN
    assert judged(none, APP.model_copy(update={"requests": False})).status is Status.SKIPPED
    assert judged(replace(none, valid=0)).status is Status.UNKNOWN
    [skipped] = judge_latency(None, Logs(), NOW)
    assert skipped.status is Status.SKIPPED
