"""Health judges: inside, at and outside each limit, and never a PASS for what was not seen."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.check_result import Chart, CheckResult, Limit, Quantity, Status, Table, msg
from tasks.health.facts import Answer, Component, HealthBody, HealthReport, Sampled
from tasks.health.judge import (
    judge_components,
    judge_errors,
    judge_latency,
    judge_liveness,
    judge_readiness,
    judge_requests,
    judge_status,
    judge_version,
    p95_ms,
)
from tasks.health.limits import HealthLimits
from tasks.observation import Unobserved

NOW = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
LIMITS = HealthLimits()
BLIND = Unobserved(msg("The host name does not resolve: check base_url and DNS"))
SILENT = Answer(None, 2000.0, msg("Connection refused"))


def sampled(answers: Iterable[Answer], wanted: int | None = None) -> Sampled:
    taken = tuple(answers)
    return Sampled(taken, len(taken) if wanted is None else wanted)


def ok(times: int, ms: float = 50.0) -> list[Answer]:
    return [Answer(200, ms)] * times


def after_connecting(warm: Iterable[Answer]) -> Sampled:
    """Judged answers, after the one that opened the connection and took long."""
    return sampled([Answer(200, 900.0), *warm])


def report(
    word: str = "healthy",
    code: int = 200,
    *components: Component,
    version: str | None = "1.4.0",
    age: timedelta | None = timedelta(),
) -> HealthReport:
    at = None if age is None else NOW - age
    return HealthReport(Answer(code, 12.0), HealthBody(word, version, at, components))


def html(code: int) -> HealthReport:
    return HealthReport(
        Answer(code, 12.0), Unobserved(msg("The health report is not JSON but {kind}", kind="text/html"))
    )


def reason_of(result: CheckResult) -> str:
    return result.reason.text.format(**result.reason.params)


class TestProbes:
    """Liveness and readiness: good each time, or not good."""

    @pytest.mark.parametrize("code", [200, 204, 299])
    def test_every_probe_answered_with_2xx_passes(self, code: int) -> None:
        result = judge_liveness(sampled([Answer(code, 5.0)] * 5), "a", LIMITS, NOW)
        assert (result.status, result.observed, result.subject) == (Status.PASS, Quantity(100.0, "%"), "a")
        assert result.limit is not None
        assert (result.limit.comparison, result.limit.value) == ("=", 100)

    @pytest.mark.parametrize("code", [199, 300, 302, 401, 404, 429, 500, 503])
    def test_an_answer_that_is_not_2xx_fails(self, code: int) -> None:
        result = judge_readiness(sampled([Answer(code, 5.0)] * 5), "a", LIMITS, NOW)
        assert result.status is Status.FAIL
        assert reason_of(result) == f"HTTP {code}"

    def test_one_bad_probe_of_five_is_flapping(self) -> None:
        result = judge_liveness(sampled([*ok(4), Answer(503, 5.0)]), "a", LIMITS, NOW)
        assert (result.status, result.observed) == (Status.FAIL, Quantity(80.0, "%"))
        assert reason_of(result) == "Flapping: 4 of 5 probes succeeded"
        [table] = result.evidence
        assert isinstance(table, Table)
        assert table.rows[-1] == (5, 503, 5.0)

    def test_no_answer_fails_with_what_was_in_the_way(self) -> None:
        result = judge_liveness(sampled([SILENT] * 3, wanted=5), "a", LIMITS, NOW)
        assert (result.status, reason_of(result)) == (Status.FAIL, "Connection refused")

    def test_good_probes_that_were_given_up_are_unknown(self) -> None:
        assert judge_liveness(sampled(ok(4), wanted=5), "a", LIMITS, NOW).status is Status.UNKNOWN

    def test_not_seen_is_unknown_and_not_set_is_skipped(self) -> None:
        unseen, unset = judge_liveness(BLIND, "a", LIMITS, NOW), judge_readiness(None, "a", LIMITS, NOW)
        assert (unseen.status, unseen.reason) == (Status.UNKNOWN, BLIND.reason)
        assert (unset.status, reason_of(unset)) == (Status.SKIPPED, "[health] ready is not set in the service file")


class TestStatus:
    """The service's own word, and the HTTP status that it comes with."""

    @pytest.mark.parametrize("word", ["healthy", "OK", "Up", "pass", "ready", "alive", "green"])
    def test_a_healthy_status_with_200_passes(self, word: str) -> None:
        result = judge_status(report(word), "a", LIMITS, NOW)
        assert (result.status, result.observed) == (Status.PASS, Quantity(word))

    @pytest.mark.parametrize("word", ["degraded", "WARN", "warning", "yellow"])
    def test_a_degraded_status_with_200_warns(self, word: str) -> None:
        assert judge_status(report(word), "a", LIMITS, NOW).status is Status.WARN

    @pytest.mark.parametrize("word", ["unhealthy", "down", "starting", "", "not healthy", "healthy?", "unknown"])
    def test_any_other_status_with_200_fails(self, word: str) -> None:
        assert judge_status(report(word), "a", LIMITS, NOW).status is Status.FAIL

    @pytest.mark.parametrize("word", ["healthy", "degraded", "unhealthy"])
    @pytest.mark.parametrize("code", [500, 503])
    def test_a_server_error_fails_whatever_the_status(self, code: int, word: str) -> None:
        result = judge_status(report(word, code), "a", LIMITS, NOW)
        assert (result.status, reason_of(result)) == (Status.FAIL, f"Reports {word} (HTTP {code})")

    @pytest.mark.parametrize("code", [301, 401, 404, 429])
    def test_a_redirect_or_client_error_is_unknown(self, code: int) -> None:
        result = judge_status(report("healthy", code), "a", LIMITS, NOW)
        assert (result.status, reason_of(result)) == (Status.UNKNOWN, f"HTTP {code}")

    def test_html_is_unknown_with_200_and_fails_with_5xx(self) -> None:
        assert judge_status(html(200), "a", LIMITS, NOW).status is Status.UNKNOWN
        down = judge_status(html(502), "a", LIMITS, NOW)
        assert (down.status, down.observed, reason_of(down)) == (Status.FAIL, Quantity("HTTP 502"), "HTTP 502")

    def test_no_answer_fails(self) -> None:
        refused = msg("Connection refused")
        result = judge_status(HealthReport(SILENT, Unobserved(refused)), "a", LIMITS, NOW)
        assert (result.status, result.reason, result.observed) == (
            Status.FAIL,
            refused,
            Quantity(msg("no complete response")),
        )

    @pytest.mark.parametrize("sign", [1, -1])
    @pytest.mark.parametrize(
        ("seconds", "status"), [(299.9, Status.PASS), (300.0, Status.PASS), (300.1, Status.UNKNOWN)]
    )
    def test_a_report_that_is_not_current_is_unknown(self, seconds: float, status: Status, sign: int) -> None:
        seen = report(age=timedelta(seconds=sign * seconds))
        assert judge_status(seen, "a", LIMITS, NOW).status is status

    def test_a_stale_report_does_not_hide_a_server_error(self) -> None:
        assert judge_status(report(code=503, age=timedelta(days=1)), "a", LIMITS, NOW).status is Status.FAIL

    @pytest.mark.parametrize(
        "extreme",
        [datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), datetime.max.replace(tzinfo=timezone.min)],
    )
    def test_the_ends_of_the_calendar_are_stale(self, extreme: datetime) -> None:
        seen = HealthReport(Answer(200, 1.0), HealthBody("healthy", None, extreme, ()))
        assert judge_status(seen, "a", LIMITS, NOW).status is Status.UNKNOWN

    def test_a_report_without_a_time_is_taken_as_it_is(self) -> None:
        assert judge_status(report(age=None), "a", LIMITS, NOW).status is Status.PASS

    def test_not_seen_is_unknown_and_not_set_is_skipped(self) -> None:
        assert judge_status(BLIND, "a", LIMITS, NOW).status is Status.UNKNOWN
        assert judge_status(None, "a", LIMITS, NOW).status is Status.SKIPPED


class TestComponents:
    """What the service says of its parts."""

    def judged(self, *components: Component, expected: tuple[str, ...] = ()) -> dict[str, CheckResult]:
        results = judge_components(report("healthy", 200, *components), expected, "a", LIMITS, NOW)
        assert len({r.subject for r in results}) == len(results), "one result hides another"
        return {r.subject.removeprefix("a/component:"): r for r in results}

    @pytest.mark.parametrize(("ms", "status"), [(999.9, Status.PASS), (1000.0, Status.PASS), (1000.1, Status.WARN)])
    def test_a_slow_component_warns(self, ms: float, status: Status) -> None:
        result = self.judged(Component("db", "healthy", ms))["db"]
        assert (result.status, result.observed) == (status, Quantity(ms, "ms"))

    def test_a_component_without_a_time_is_judged_by_its_status(self) -> None:
        judged = self.judged(Component("db", "healthy", None), Component("cache", "down", None, "no route to host"))
        assert (judged["db"].status, judged["db"].observed) == (Status.PASS, Quantity("healthy"))
        assert judged["cache"].status is Status.FAIL
        assert reason_of(judged["cache"]) == "Reported as down: no route to host"

    def test_an_empty_status_leaves_no_hole_in_the_sentence(self) -> None:
        judged = self.judged(Component("db", "", None))
        assert (judged["db"].status, reason_of(judged["db"])) == (Status.FAIL, 'Reported as ""')

    @pytest.mark.parametrize(
        ("word", "status"), [("degraded", Status.WARN), ("unhealthy", Status.FAIL), ("", Status.FAIL)]
    )
    def test_its_status_comes_before_its_time(self, word: str, status: Status) -> None:
        assert self.judged(Component("db", word, 5.0))["db"].status is status

    def test_an_expected_component_that_is_not_reported_is_unknown(self) -> None:
        judged = self.judged(Component("db", "healthy", 1.0), expected=("db", "cache"))
        assert {name: r.status for name, r in judged.items()} == {"db": Status.PASS, "cache": Status.UNKNOWN}

    @pytest.mark.parametrize("order", [("healthy", "down"), ("down", "healthy")])
    def test_two_components_of_one_name_do_not_hide_one_another(self, order: tuple[str, str]) -> None:
        judged = self.judged(*(Component("db", word, 1.0) for word in order), expected=("db",))
        assert set(judged) == {"db", "db #2"}
        assert sorted(r.status for r in judged.values()) == [Status.FAIL, Status.PASS]

    @pytest.mark.parametrize(
        "seen", [BLIND, html(200), html(503), report(age=timedelta(hours=1)), report("healthy", 404)]
    )
    def test_every_expected_component_is_unknown_when_the_report_was_not_seen(
        self, seen: HealthReport | Unobserved
    ) -> None:
        results = judge_components(seen, ("db", "cache"), "a", LIMITS, NOW)
        assert [(r.subject, r.status) for r in results] == [
            ("a/component:db", Status.UNKNOWN),
            ("a/component:cache", Status.UNKNOWN),
        ]
        [alone] = judge_components(seen, (), "a", LIMITS, NOW)
        assert (alone.subject, alone.status) == ("a", Status.UNKNOWN)

    def test_components_of_an_error_page_from_elsewhere_are_not_the_services(self) -> None:
        [result] = judge_components(report("healthy", 403, Component("db", "healthy", 1.0)), (), "a", LIMITS, NOW)
        assert result.status is Status.UNKNOWN

    def test_components_of_an_unavailable_service_are_judged(self) -> None:
        seen = report("unhealthy", 503, Component("db", "unhealthy", 1.0), Component("cache", "healthy", 1.0))
        statuses = [r.status for r in judge_components(seen, (), "a", LIMITS, NOW)]
        assert statuses == [Status.FAIL, Status.PASS]

    def test_no_component_or_no_path_is_skipped(self) -> None:
        [none] = judge_components(report(), (), "a", LIMITS, NOW)
        [unset] = judge_components(None, ("db",), "a", LIMITS, NOW)
        assert (none.status, unset.status) == (Status.SKIPPED, Status.SKIPPED)


class TestErrors:
    """The guide's SLI table: error rate < 0.1 %."""

    @pytest.mark.parametrize(
        ("bad", "asked", "status", "percent"),
        [
            (1, 1001, Status.PASS, 0.0999),
            (1, 1000, Status.FAIL, 0.1),
            (1, 999, Status.FAIL, 0.1001),
            (2, 1001, Status.FAIL, 0.1998),
        ],
    )
    def test_the_share_is_below_a_tenth_of_a_percent(
        self, bad: int, asked: int, status: Status, percent: float
    ) -> None:
        result = judge_errors(sampled([*ok(asked - bad), *[Answer(500, 5.0)] * bad]), "a /x", LIMITS, NOW)
        assert (result.status, result.observed) == (status, Quantity(percent, "%"))
        assert reason_of(result) == f"{bad} of {asked} requests failed"

    @pytest.mark.parametrize(("asked", "bound"), [(21, "14.3"), (1000, "0.3"), (2999, "0.1")])
    def test_a_small_clean_sample_shows_its_upper_bound(self, asked: int, bound: str) -> None:
        result = judge_errors(sampled(ok(asked)), "a /x", LIMITS, NOW)
        assert result.status is Status.PASS
        assert (
            reason_of(result)
            == f"0 of {asked} requests failed; with so few requests the error rate is only known to be below {bound} %"
        )

    def test_a_large_clean_sample_shows_no_bound(self) -> None:
        assert reason_of(judge_errors(sampled(ok(3000)), "a /x", LIMITS, NOW)) == "0 of 3000 requests failed"

    @pytest.mark.parametrize(("code", "status"), [(499, Status.UNKNOWN), (500, Status.FAIL), (599, Status.FAIL)])
    def test_server_errors_begin_at_500(self, code: int, status: Status) -> None:
        assert judge_errors(sampled([*ok(20), Answer(code, 5.0)]), "a /x", LIMITS, NOW).status is status

    @pytest.mark.parametrize("code", [301, 302, 307, 400, 401, 403, 404, 429])
    def test_what_was_never_reached_is_unknown(self, code: int) -> None:
        result = judge_errors(sampled([Answer(code, 5.0)] * 21), "a /x", LIMITS, NOW)
        assert result.status is Status.UNKNOWN
        assert reason_of(result) == f"21 of 21 requests returned {code}: check the path and the headers"

    def test_one_answer_from_elsewhere_is_no_success(self) -> None:
        """A rate limiter that answers 429 after the first request says nothing of the service."""
        result = judge_errors(sampled([*ok(1), *[Answer(429, 1.0)] * 20]), "a /x", LIMITS, NOW)
        assert result.status is Status.UNKNOWN
        assert isinstance(result.evidence[0], Table)

    def test_a_server_error_fails_also_among_answers_from_elsewhere(self) -> None:
        result = judge_errors(sampled([*[Answer(404, 1.0)] * 20, Answer(500, 1.0)]), "a /x", LIMITS, NOW)
        assert result.status is Status.FAIL

    def test_no_answer_counts_as_a_failure(self) -> None:
        assert judge_errors(sampled([*ok(20), SILENT]), "a /x", LIMITS, NOW).status is Status.FAIL

    def test_giving_up_is_no_success_even_within_a_generous_limit(self) -> None:
        generous = HealthLimits(max_failed_share=0.5)
        seen = sampled([*ok(995), *[SILENT] * 3], wanted=1001)
        assert judge_errors(seen, "a /x", generous, NOW).status is Status.UNKNOWN
        assert judge_errors(seen, "a /x", LIMITS, NOW).status is Status.FAIL

    def test_evidence_is_bounded(self) -> None:
        [table] = judge_errors(sampled(ok(1001)), "a /x", LIMITS, NOW).evidence
        assert isinstance(table, Table)
        assert len(table.rows) == 50


class TestLatency:
    """The guide's SLI table: p95 < 200 ms, that is, 95 % of the requests answered in less."""

    @pytest.mark.parametrize(
        ("times", "p95"),
        [
            # Nearest rank: the ceil(0.95 n)-th of n in order.
            ([float(n) for n in range(1, 11)], 10.0),  # 9.5 → 10th of 10
            ([float(n) for n in range(1, 20)], 19.0),  # 18.05 → 19th of 19
            ([float(n) for n in range(1, 21)], 19.0),  # 19 → 19th of 20
            ([float(n) for n in range(1, 22)], 20.0),  # 19.95 → 20th of 21
            ([float(n) for n in range(100, 0, -1)], 95.0),  # 95 → 95th of 100
            ([7.0], 7.0),
        ],
    )
    def test_p95_is_the_nearest_rank(self, times: list[float], p95: float) -> None:
        assert p95_ms(after_connecting(Answer(200, ms) for ms in times)) == p95

    @pytest.mark.parametrize(
        ("in_time", "late", "status", "percent"),
        [
            (20, 0, Status.PASS, 100.0),
            (19, 1, Status.PASS, 95.0),
            (18, 2, Status.FAIL, 90.0),
            (57, 3, Status.PASS, 95.0),
            (56, 4, Status.FAIL, 93.3333),
            (950, 50, Status.PASS, 95.0),
            (949, 51, Status.FAIL, 94.9),
        ],
    )
    def test_ninety_five_percent_are_in_time(self, in_time: int, late: int, status: Status, percent: float) -> None:
        result = judge_latency(after_connecting([*ok(in_time), *ok(late, 900.0)]), "a /x", LIMITS, NOW)
        assert (result.status, result.observed) == (status, Quantity(percent, "%"))

    @pytest.mark.parametrize(("ms", "status"), [(199.99, Status.PASS), (200.0, Status.FAIL), (200.01, Status.FAIL)])
    def test_a_request_of_exactly_the_limit_is_not_in_time(self, ms: float, status: Status) -> None:
        result = judge_latency(after_connecting([*ok(18), *ok(2, ms)]), "a /x", LIMITS, NOW)
        assert (result.status, result.reason.params["p95"]) == (status, ms)

    @given(st.lists(st.floats(1, 400), min_size=10, max_size=120))
    def test_in_time_means_that_p95_is_below_the_limit(self, times: list[float]) -> None:
        seen = after_connecting(Answer(200, ms) for ms in times)
        assert (judge_latency(seen, "a /x", LIMITS, NOW).status is Status.PASS) == (p95_ms(seen) < 200)

    def test_the_request_that_opens_the_connection_is_not_judged(self) -> None:
        assert judge_latency(sampled([Answer(200, 1900.0), *ok(20)]), "a /x", LIMITS, NOW).observed == Quantity(
            100.0, "%"
        )

    @pytest.mark.parametrize(("samples", "status"), [(9, Status.UNKNOWN), (10, Status.PASS), (11, Status.PASS)])
    def test_too_few_samples_are_unknown(self, samples: int, status: Status) -> None:
        result = judge_latency(after_connecting(ok(samples)), "a /x", LIMITS, NOW)
        assert result.status is status
        assert (reason_of(result) == "Only 9 usable responses, 10 are needed") is (status is Status.UNKNOWN)

    def test_too_few_slow_samples_are_unknown_too(self) -> None:
        assert judge_latency(after_connecting(ok(9, 900.0)), "a /x", LIMITS, NOW).status is Status.UNKNOWN

    @pytest.mark.parametrize(
        ("good", "wanted", "status"),
        [(0, 21, Status.FAIL), (10, 21, Status.FAIL), (900, 1001, Status.FAIL), (996, 1001, Status.UNKNOWN)],
    )
    def test_giving_up_is_never_a_success(self, good: int, wanted: int, status: Status) -> None:
        seen = sampled([*ok(good), *[SILENT] * 3], wanted)
        result = judge_latency(seen, "a /x", LIMITS, NOW)
        assert result.status is status
        if status is Status.UNKNOWN:
            assert reason_of(result) == "Stopped after 999 of 1001 requests: there was no response"

    @pytest.mark.parametrize("code", [302, 404, 429])
    def test_answers_from_elsewhere_are_not_timed(self, code: int) -> None:
        quick = [Answer(code, 1.0)] * 20
        assert judge_latency(after_connecting(quick), "a /x", LIMITS, NOW).status is Status.UNKNOWN
        assert judge_latency(sampled([*quick, SILENT]), "a /x", LIMITS, NOW).status is Status.UNKNOWN
        assert judge_latency(after_connecting([*ok(19), quick[0]]), "a /x", LIMITS, NOW).status is Status.UNKNOWN

    @pytest.mark.parametrize(("good", "status"), [(9, Status.UNKNOWN), (10, Status.PASS)])
    def test_quick_errors_do_not_make_a_service_quick(self, good: int, status: Status) -> None:
        seen = after_connecting([*ok(good), *[Answer(500, 1.0)] * (20 - good)])
        assert judge_latency(seen, "a /x", LIMITS, NOW).status is status

    def test_slow_errors_fail(self) -> None:
        seen = after_connecting([Answer(500, 900.0)] * 20)
        assert judge_latency(seen, "a /x", LIMITS, NOW).status is Status.FAIL


class TestRequests:
    """Every path gets both verdicts; the slowest shows all."""

    def test_the_slowest_path_carries_the_chart(self) -> None:
        seen: dict[str, Sampled | Unobserved] = {
            "a /quick": sampled(ok(21)),
            "a /slow": sampled(ok(21, 300.0)),
            "a /dark": BLIND,
        }
        results = judge_requests(seen, LIMITS, NOW)
        assert [(r.check, r.subject, r.status) for r in results] == [
            ("health.errors", "a /quick", Status.PASS),
            ("health.errors", "a /slow", Status.PASS),
            ("health.errors", "a /dark", Status.UNKNOWN),
            ("health.latency", "a /quick", Status.PASS),
            ("health.latency", "a /slow", Status.FAIL),
            ("health.latency", "a /dark", Status.UNKNOWN),
        ]
        [(subject, chart)] = [(r.subject, e) for r in results for e in r.evidence if isinstance(e, Chart)]
        assert (subject, chart.labels, chart.values, chart.limit) == (
            "a /slow",
            ("a /quick", "a /slow"),
            (50.0, 300.0),
            200.0,
        )

    def test_what_was_never_reached_is_not_drawn(self) -> None:
        seen = {"a /gone": sampled([Answer(404, 999.0)] * 21), "a /x": sampled(ok(21))}
        [chart] = [e for r in judge_requests(seen, LIMITS, NOW) for e in r.evidence if isinstance(e, Chart)]
        assert chart.labels == ("a /x",)

    def test_nothing_seen_draws_nothing(self) -> None:
        assert [r.status for r in judge_requests({"a /x": BLIND}, LIMITS, NOW)] == [Status.UNKNOWN, Status.UNKNOWN]

    def test_no_path_is_skipped(self) -> None:
        assert [r.status for r in judge_requests({}, LIMITS, NOW)] == [Status.SKIPPED, Status.SKIPPED]


class TestVersion:
    """One version everywhere."""

    def judged(self, **seen: HealthReport | Unobserved | None) -> CheckResult:
        return judge_version(seen, NOW, LIMITS)

    def test_one_version_passes(self) -> None:
        result = self.judged(a=report(), b=report())
        assert (result.status, reason_of(result)) == (Status.PASS, "Running: 1.4.0")

    def test_two_versions_warn(self) -> None:
        result = self.judged(a=report(), b=report(version="1.5.0"))
        assert (result.status, reason_of(result), result.observed) == (
            Status.WARN,
            "Running: 1.4.0, 1.5.0",
            Quantity(2),
        )

    @pytest.mark.parametrize(
        "other",
        [BLIND, html(200), report(version=None), report(age=timedelta(hours=1)), report("healthy", 404)],
    )
    def test_one_unknown_version_makes_the_answer_unknown(self, other: HealthReport | Unobserved) -> None:
        result = self.judged(a=report(), b=other)
        assert (result.status, reason_of(result)) == (Status.UNKNOWN, "The version of b is unknown")

    def test_an_unhealthy_instance_still_has_a_version(self) -> None:
        assert self.judged(a=report(), b=report("unhealthy", 503, version="1.5.0")).status is Status.WARN

    def test_no_path_is_skipped(self) -> None:
        assert self.judged(a=None, b=None).status is Status.SKIPPED

    def test_no_instance_is_no_success(self) -> None:
        assert self.judged().status is not Status.PASS


unseen_report = st.sampled_from([None, BLIND, html(200), html(404), report(age=timedelta(days=2))])
unseen = st.sampled_from([None, BLIND])
code = st.sampled_from([None, 200, 200, 200, 204, 302, 404, 429, 500, 503])
answer = st.builds(lambda c, ms: SILENT if c is None else Answer(c, ms), code, st.floats(0.1, 400))


@given(
    unseen, unseen, st.lists(unseen_report, min_size=1, max_size=3), st.lists(st.just("db"), max_size=1), st.booleans()
)
def test_what_was_not_seen_never_passes(
    live: Unobserved | None,
    ready: Unobserved | None,
    reports: list[HealthReport | Unobserved | None],
    expected: list[str],
    requests: bool,
) -> None:
    results = [judge_liveness(live, "a", LIMITS, NOW), judge_readiness(ready, "a", LIMITS, NOW)]
    for seen in reports:
        results += [
            judge_status(seen, "a", LIMITS, NOW),
            *judge_components(seen, tuple(expected), "a", LIMITS, NOW),
        ]
    results += judge_requests({"a /x": BLIND} if requests else {}, LIMITS, NOW)
    results.append(judge_version({str(n): seen for n, seen in enumerate(reports)}, NOW, LIMITS))
    assert not any(r.status.measured for r in results)


@given(st.lists(answer, min_size=3, max_size=40), st.integers(0, 3))
def test_a_sample_passes_only_if_it_is_whole_and_reached_the_service(answers: list[Answer], missing: int) -> None:
    seen = sampled(answers, len(answers) + missing)
    doubtful = bool(missing) or any(a.unexpected_status for a in answers)
    for result in (
        judge_liveness(seen, "a", LIMITS, NOW),
        judge_errors(seen, "a", LIMITS, NOW),
        judge_latency(seen, "a", LIMITS, NOW),
    ):
        if result.status is Status.PASS:
            assert not doubtful, result
        if result.status.measured:
            assert isinstance(result.limit, Limit)
            assert isinstance(result.observed, Quantity)


def test_requests_without_a_response_have_no_percentile() -> None:
    refused = sampled([Answer(None, 0.4, msg("Connection refused"))] * 21)
    assert p95_ms(refused) is None
    result = judge_latency(refused, "a /x", LIMITS, NOW)
    assert result.status is Status.FAIL
    assert reason_of(result) == "0 of 20 requests within 200.0 ms"
