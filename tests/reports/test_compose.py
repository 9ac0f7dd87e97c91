"""From what sections found to the report: lines, verdict, actions in their order, and what is news."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reports.compose import RoundFacts, compose_report, is_news
from reports.report import Previous, Report, from_text, to_data
from tasks.canonical import canonical
from tasks.check_result import Check, CheckResult, Limit, Quantity, Severity, Status, msg, verbatim
from tasks.guide.judge import Verdict
from tasks.guide.lines import GuideLine
from tasks.section import Kpi, Section

AT = datetime(2026, 11, 24, 0, 0, 12, tzinfo=UTC)
FINISHED = AT + timedelta(seconds=30)
INFORMATION, WARNING, EMERGENCY = Severity
FACTS = RoundFacts(
    service="shop",
    environment="production",
    timezone="Asia/Tokyo",
    owner="team-shop",
    flow="daily-checklist",
    title=msg("Daily checklist"),
    period="2026-11-24",
    trigger="schedule",
    started_at=AT,
    finished_at=FINISHED,
    lines=(GuideLine("health", msg("Confirm the health check"), ("health.*",)),),
    notes=(verbatim("a note"),),
)


def found(status: Status, subject: str = "a", severity: Severity = WARNING, check: str = "health.x") -> CheckResult:
    asked = Check(check, verbatim(check), verbatim("?"), severity)
    observed, limit = (Quantity(1), Limit("=", 1, "", verbatim("me"))) if status.measured else (None, None)
    return asked.judged(status, subject, verbatim(f"{status} at {subject}"), at=AT, observed=observed, limit=limit)


def test_every_section_has_its_first_figure_before_others_have_their_second() -> None:
    def of(name: str, count: int) -> Section:
        return Section((), tuple(Kpi(f"{name}{n}", msg("Slowest p95"), None, "ms") for n in range(count)))

    report = compose_report(FACTS, (of("a", 3), of("b", 0), of("c", 2)), 1, None)
    assert [kpi.id for kpi in report.kpis] == ["a0", "c0", "a1", "c1", "a2"]


def composed(*results: CheckResult, kpis: tuple[Kpi, ...] = (), before: Report | None = None) -> Report:
    return compose_report(FACTS, (Section(results, kpis),), 1, before)


def stored(report: Report) -> Report:
    """The report as a later round finds it in the history."""
    return from_text(canonical(to_data(report)))


def test_what_is_known_of_the_round_is_in_its_report() -> None:
    report = compose_report(FACTS, (Section((found(Status.PASS),)), Section((found(Status.WARN, "b"),))), 3, None)
    assert (report.service, report.flow, report.period, report.revision) == ("shop", "daily-checklist", "2026-11-24", 3)
    assert (report.started_at, report.finished_at, report.trigger) == (AT, FINISHED, "schedule")
    assert [r.subject for r in report.results] == ["a", "b"]
    assert ([line.id for line in report.lines], report.verdict) == (["health"], Verdict.ATTENTION)
    assert (report.previous, report.notes) == (None, FACTS.notes)
    assert stored(report) == report


def test_a_round_without_sections_is_incomplete() -> None:
    report = compose_report(FACTS, (), 1, None)
    assert (report.verdict, report.results, report.actions) == (Verdict.INCOMPLETE, (), ())


class TestActions:
    """Who does what until when, the most urgent first."""

    def test_failures_come_first_then_what_is_not_known_then_warnings_the_severest_first(self) -> None:
        report = composed(
            found(Status.PASS, "passed", EMERGENCY),
            found(Status.WARN, "warned-1", INFORMATION),
            found(Status.WARN, "warned-3", EMERGENCY),
            found(Status.UNKNOWN, "unknown-2", WARNING),
            found(Status.SKIPPED, "skipped", EMERGENCY),
            found(Status.FAIL, "failed-1", INFORMATION),
            found(Status.FAIL, "failed-3-first", EMERGENCY),
            found(Status.UNKNOWN, "unknown-3", EMERGENCY),
            found(Status.FAIL, "failed-3-second", EMERGENCY),
        )
        assert [action.subject for action in report.actions] == [
            "failed-3-first",
            "failed-3-second",
            "failed-1",
            "unknown-3",
            "unknown-2",
            "warned-3",
            "warned-1",
        ]

    @pytest.mark.parametrize(
        ("severity", "within"),
        [(EMERGENCY, timedelta(hours=1)), (WARNING, timedelta(days=1)), (INFORMATION, timedelta(days=7))],
    )
    def test_the_due_time_follows_the_severity(self, severity: Severity, within: timedelta) -> None:
        [action] = composed(found(Status.FAIL, severity=severity)).actions
        assert action.due == FINISHED + within

    def test_an_action_says_what_its_result_says(self) -> None:
        result = found(Status.UNKNOWN, "b", EMERGENCY)
        [action] = composed(result).actions
        assert (action.check, action.title, action.subject) == (result.check, result.title, result.subject)
        assert (action.status, action.severity, action.reason) == (Status.UNKNOWN, EMERGENCY, result.reason)
        assert action.owner == "team-shop"

    def test_what_has_one_reason_is_one_thing_to_do(self) -> None:
        other = replace(found(Status.UNKNOWN, check="health.other"), severity=EMERGENCY)
        same = composed(found(Status.UNKNOWN), other, found(Status.UNKNOWN, "b"), found(Status.FAIL))
        actions = [(action.check, action.subject, action.status) for action in same.actions]
        assert actions == [
            ("health.x", "a", Status.FAIL),
            ("health.other", "a", Status.UNKNOWN),
            ("health.x", "b", Status.UNKNOWN),
        ]
        assert len(same.with_status(Status.UNKNOWN)) == 3

    def test_nothing_to_do(self) -> None:
        assert composed(found(Status.PASS), found(Status.SKIPPED)).actions == ()


class TestPrevious:
    """The round before, and its figures beside today's."""

    def test_it_is_named_with_its_failures(self) -> None:
        before = stored(composed(found(Status.FAIL, "b"), found(Status.FAIL, "a"), found(Status.PASS, "c")))
        failures = (("health.x", "a"), ("health.x", "b"))
        assert composed(found(Status.PASS), before=before).previous == Previous(
            "2026-11-24", 1, Verdict.FAILED, failures
        )

    def test_a_figure_is_set_beside_the_last_one(self) -> None:
        label, other = msg("Slowest p95"), msg("Requests without an error")
        before = stored(composed(kpis=(Kpi("p95", msg("Its old words"), 180.0, "ms"), Kpi("good", other, None, "%"))))
        kpis = (Kpi("p95", label, 212.0, "ms"), Kpi("good", other, 99.9, "%"), Kpi("new", msg("New"), 1.0, ""))
        today = composed(kpis=kpis, before=before)
        assert [(kpi.value, kpi.previous) for kpi in today.kpis] == [(212.0, 180.0), (99.9, None), (1.0, None)]

    def test_a_figure_is_never_compared_with_another_ones(self) -> None:
        def p95(module: str, value: float, unit: str = "ms") -> Kpi:
            return Kpi(f"p95.{module}", msg("p95 of one module"), value, unit)

        before = stored(composed(kpis=(p95("orders", 812.0), p95("users", 41.0))))
        today = composed(kpis=(p95("users", 40.0), p95("stock", 9.0), p95("orders", 0.8, "s")), before=before)
        assert [kpi.previous for kpi in today.kpis] == [41.0, None, None]

    def test_a_report_of_before_figures_had_ids_is_read(self) -> None:
        data = json.loads(canonical(to_data(composed(kpis=(Kpi("p95", msg("Slowest p95"), 180.0, "ms"),)))))
        del data["kpis"][0]["id"]
        before = from_text(json.dumps(data))
        [kpi] = composed(kpis=(Kpi("p95", msg("Slowest p95"), 212.0, "ms"),), before=before).kpis
        assert kpi.previous is None

    def test_without_a_round_before_there_is_nothing_beside(self) -> None:
        [kpi] = composed(kpis=(Kpi("health.p95", msg("Slowest p95"), 212.0, "ms", 99.0),)).kpis
        assert kpi.previous is None


class TestNews:
    """A rerun is mailed only when it says something else than the revision before it."""

    def test_the_first_of_a_period_is_news(self) -> None:
        assert is_news(composed(found(Status.PASS)), None)

    @pytest.mark.parametrize(
        ("earlier", "later", "news"),
        [
            ([(Status.PASS, "a")], [(Status.PASS, "a")], False),
            ([(Status.PASS, "a")], [(Status.WARN, "a")], True),
            ([(Status.PASS, "a")], [(Status.PASS, "a"), (Status.SKIPPED, "b")], False),
            ([(Status.FAIL, "a")], [(Status.FAIL, "a")], False),
            ([(Status.FAIL, "a")], [(Status.FAIL, "b")], True),
            ([(Status.FAIL, "a")], [(Status.FAIL, "a"), (Status.FAIL, "b")], True),
            ([(Status.FAIL, "a"), (Status.FAIL, "b")], [(Status.FAIL, "b"), (Status.FAIL, "a")], False),
            ([(Status.FAIL, "a")], [(Status.FAIL, "a"), (Status.UNKNOWN, "b")], False),
            ([(Status.FAIL, "a")], [(Status.PASS, "a")], True),
            ([(Status.PASS, "a")], [(Status.UNKNOWN, "a")], True),
        ],
    )
    def test_another_verdict_or_other_failures_are_news(
        self, earlier: list[tuple[Status, str]], later: list[tuple[Status, str]], news: bool
    ) -> None:
        before = stored(composed(*(found(*each) for each in earlier)))
        assert is_news(composed(*(found(*each) for each in later)), before) is news

    def test_other_figures_are_no_news(self) -> None:
        before = stored(composed(found(Status.PASS), kpis=(Kpi("health.p95", msg("Slowest p95"), 180.0, "ms"),)))
        assert not is_news(
            composed(found(Status.PASS), kpis=(Kpi("health.p95", msg("Slowest p95"), 20.0, "ms"),)), before
        )
