"""A box is ticked only when its line was measured, and a round passes only when every box is."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.daily_checklist import CHECKLIST as DAILY
from flows.monthly_checklist import CHECKLIST as MONTHLY
from flows.slo_report import CHECKLIST as SLO_REPORT
from reports.compose import RoundFacts, compose_report
from tasks.check_result import Check, CheckResult, Limit, Quantity, Severity, Status, msg, verbatim
from tasks.guide.judge import LineVerdict, Verdict, judge_lines, judge_round
from tasks.guide.known import every_check, every_line
from tasks.guide.lines import GuideLine
from tasks.guide.settings import Guide
from tasks.health.section import health_check
from tasks.history.runs import RunKey
from tasks.observation import Unobserved
from tasks.round import Round
from tasks.settings import load_settings

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LIMIT = Limit("=", 1, "", verbatim("the guide"))
PASS, WARN, FAIL, UNKNOWN, SKIPPED = Status
LINE = GuideLine("health", msg("Confirm the health check"), ("health.*",))
LEFT_OUT = replace(LINE, not_applicable="nothing runs yet")


def result(status: Status, check: str = "health.liveness") -> CheckResult:
    asked = Check(check, verbatim(check), verbatim("?"), Severity.WARNING)
    measured = {"observed": Quantity(1), "limit": LIMIT} if status.measured else {}
    return asked.judged(status, "a", verbatim("because"), at=NOW, **measured)  # type: ignore[arg-type]


def judged(line: GuideLine, *statuses: Status) -> LineVerdict:
    [verdict] = judge_lines([line], tuple(result(status) for status in statuses))
    return verdict


def reason_of(line: LineVerdict) -> str:
    return line.reason.text.format(**line.reason.params)


class TestLine:
    """One line of the checklist."""

    @pytest.mark.parametrize(
        ("statuses", "verdict", "ticked", "reason"),
        [
            ([PASS], Verdict.PASSED, True, "1 of 1 checks passed"),
            ([PASS, SKIPPED], Verdict.PASSED, True, "1 of 2 checks passed"),
            ([PASS, WARN], Verdict.ATTENTION, True, "attention needed by 1 of 2 checks"),
            ([WARN, SKIPPED], Verdict.ATTENTION, True, "attention needed by 1 of 2 checks"),
            ([PASS, WARN, FAIL], Verdict.FAILED, True, "1 of 3 checks failed"),
            ([FAIL, SKIPPED], Verdict.FAILED, True, "1 of 2 checks failed"),
            ([PASS, WARN, UNKNOWN], Verdict.INCOMPLETE, False, "1 of 3 checks are unknown"),
            ([UNKNOWN, SKIPPED], Verdict.INCOMPLETE, False, "1 of 2 checks are unknown"),
            ([FAIL, UNKNOWN], Verdict.FAILED, False, "1 of 2 checks failed"),
            ([SKIPPED, SKIPPED], Verdict.INCOMPLETE, False, "Every check of this item was skipped"),
            ([], Verdict.INCOMPLETE, False, "No check covers this item"),
        ],
    )
    def test_a_line(self, statuses: list[Status], verdict: Verdict, ticked: bool, reason: str) -> None:
        line = judged(LINE, *statuses)
        assert (line.verdict, line.ticked, reason_of(line)) == (verdict, ticked, reason)

    @pytest.mark.parametrize(
        ("named", "beside", "verdict", "ticked"),
        [
            (PASS, PASS, Verdict.PASSED, True),
            (WARN, PASS, Verdict.ATTENTION, True),
            (SKIPPED, PASS, Verdict.INCOMPLETE, False),
            (SKIPPED, WARN, Verdict.INCOMPLETE, False),
            (SKIPPED, FAIL, Verdict.FAILED, False),
            (PASS, SKIPPED, Verdict.PASSED, True),
            (SKIPPED, UNKNOWN, Verdict.INCOMPLETE, False),
        ],
    )
    def test_a_line_needs_one_of_those_that_it_is_named_for(
        self, named: Status, beside: Status, verdict: Verdict, ticked: bool
    ) -> None:
        line = replace(LINE, named_by=("health.liveness", "health.readiness"))
        [found] = judge_lines(
            [line], (result(named), result(SKIPPED, "health.readiness"), result(beside, "health.tls"))
        )
        assert (found.verdict, found.ticked) == (verdict, ticked)
        if named is SKIPPED and beside in (PASS, WARN):
            missing = "None of the checks that this item is about was measured: health.liveness, health.readiness"
            assert reason_of(found) == missing

    def test_a_line_that_was_given_other_checks_is_named_for_those(self) -> None:
        line = replace(LINE, checks=("health.tls",), named_by=("health.liveness",))
        [found] = judge_lines([line], (result(PASS, "health.tls"), result(SKIPPED)))
        assert found.verdict is Verdict.PASSED

    def test_every_line_is_named_for_checks_that_there_are(self) -> None:
        known = {check.id for check in every_check()}
        for line in every_line():
            assert line.named_by and set(line.named_by) <= known
            assert line.named == line.named_by

    @pytest.mark.parametrize("statuses", [[], [SKIPPED], [SKIPPED, SKIPPED]])
    def test_a_line_left_out_says_why(self, statuses: list[Status]) -> None:
        line = judged(LEFT_OUT, *statuses)
        assert (line.verdict, line.ticked, reason_of(line)) == (Verdict.NOT_APPLICABLE, False, "nothing runs yet")

    @pytest.mark.parametrize(
        ("statuses", "verdict", "ticked"),
        [
            ([FAIL, SKIPPED], Verdict.FAILED, True),
            ([UNKNOWN], Verdict.INCOMPLETE, False),
            ([WARN], Verdict.ATTENTION, True),
            ([PASS], Verdict.PASSED, True),
        ],
    )
    def test_a_line_left_out_hides_nothing_that_was_found(
        self, statuses: list[Status], verdict: Verdict, ticked: bool
    ) -> None:
        line = judged(LEFT_OUT, *statuses)
        assert (line.verdict, line.ticked) == (verdict, ticked)

    @pytest.mark.parametrize("beside", [PASS, WARN, SKIPPED])
    def test_a_line_left_out_stays_so_when_another_asks_for_what_it_is_not_about(self, beside: Status) -> None:
        line = replace(LEFT_OUT, named_by=("health.liveness",))
        [found] = judge_lines([line], (result(SKIPPED), result(beside, "health.errors")))
        assert (found.verdict, reason_of(found)) == (Verdict.NOT_APPLICABLE, "nothing runs yet")

    @pytest.mark.parametrize(
        ("patterns", "check", "covered"),
        [
            (("health.*",), "health.liveness", True),
            (("health.*",), "healthy.liveness", False),
            (("health.*",), "Health.liveness", False),
            (("logs.*", "health.live*"), "health.liveness", True),
            (("health.liveness",), "health.readiness", False),
            ((), "health.liveness", False),
            (("",), "health.liveness", False),
        ],
    )
    def test_a_line_is_covered_by_its_patterns_alone(
        self, patterns: tuple[str, ...], check: str, covered: bool
    ) -> None:
        [line] = judge_lines([replace(LINE, checks=patterns)], (result(PASS, check),))
        assert line.ticked is covered

    def test_lines_keep_the_guides_order(self) -> None:
        asked = [system.line for system in DAILY.systems]
        assert [line.id for line in judge_lines(reversed(asked), ())] == [line.id for line in reversed(asked)]


class TestRound:
    """From the lines and all results to one verdict."""

    def verdict(self, lines: list[GuideLine], *results: CheckResult) -> Verdict:
        return judge_round(judge_lines(lines, results), results)

    @pytest.mark.parametrize(
        ("statuses", "verdict"),
        [
            ([PASS], Verdict.PASSED),
            ([PASS, SKIPPED], Verdict.PASSED),
            ([PASS, WARN], Verdict.ATTENTION),
            ([PASS, UNKNOWN], Verdict.INCOMPLETE),
            ([WARN, UNKNOWN], Verdict.INCOMPLETE),
            ([UNKNOWN, FAIL], Verdict.FAILED),
            ([SKIPPED], Verdict.INCOMPLETE),
            ([], Verdict.INCOMPLETE),
        ],
    )
    def test_the_worst_counts(self, statuses: list[Status], verdict: Verdict) -> None:
        assert self.verdict([LINE], *map(result, statuses)) is verdict

    def test_an_item_without_a_measurement_makes_the_round_incomplete(self) -> None:
        lines = [s.line for s in DAILY.systems]
        assert self.verdict(lines, result(PASS)) is Verdict.INCOMPLETE
        rest = [lines[0], *(replace(line, not_applicable="not in use") for line in lines[1:])]
        assert self.verdict(rest, result(PASS)) is Verdict.PASSED

    @pytest.mark.parametrize(("status", "verdict"), [(FAIL, Verdict.FAILED), (UNKNOWN, Verdict.INCOMPLETE)])
    def test_what_no_line_covers_counts_all_the_same(self, status: Status, verdict: Verdict) -> None:
        assert self.verdict([LINE], result(PASS), result(status, "extra.check")) is verdict

    def test_nothing_measured_is_no_success_though_every_line_is_left_out(self) -> None:
        assert self.verdict([LEFT_OUT]) is Verdict.INCOMPLETE
        assert self.verdict([LEFT_OUT], result(SKIPPED)) is Verdict.INCOMPLETE

    def test_a_measurement_that_belongs_to_no_line_ticks_none(self) -> None:
        assert self.verdict([LEFT_OUT], result(PASS, "extra.check")) is Verdict.INCOMPLETE

    def test_a_checklist_without_lines_is_no_success(self) -> None:
        assert self.verdict([], result(PASS)) is Verdict.INCOMPLETE


checks = st.sampled_from(["health.a", "health.b", "logs.a", "resources.a", "extra.a"])
patterns = st.sampled_from(["health.*", "logs.*", "resources.a", "*", "none.*"])
lines = st.builds(
    GuideLine,
    st.sampled_from(["one", "two"]),
    st.just(msg("A line")),
    st.lists(patterns, max_size=2).map(tuple),
    st.none() | st.just("left out"),
)


@given(st.lists(lines, max_size=4), st.lists(st.builds(result, st.sampled_from(Status), checks), max_size=6))
def test_no_box_is_ticked_and_no_round_passes_without_a_measurement(
    guide: list[GuideLine], found: list[CheckResult]
) -> None:
    results = tuple(found)
    judged_lines = judge_lines(guide, results)
    for line, verdict in zip(guide, judged_lines, strict=True):
        of_line = [r.status for r in results if line.covers(r.check)]
        assert verdict.ticked == (any(s.measured for s in of_line) and UNKNOWN not in of_line)
        assert (verdict.verdict is Verdict.FAILED) == (FAIL in of_line)
        if verdict.verdict is Verdict.NOT_APPLICABLE:
            assert line.not_applicable
            assert set(of_line) <= {SKIPPED}
    outcome = judge_round(judged_lines, results)
    statuses = {r.status for r in results}
    assert (outcome is Verdict.FAILED) == (FAIL in statuses)
    if outcome in (Verdict.PASSED, Verdict.ATTENTION):
        assert not statuses & {FAIL, UNKNOWN}
        assert any(line.ticked for line in judged_lines)
        assert all(line.ticked or line.verdict is Verdict.NOT_APPLICABLE for line in judged_lines)
        assert (outcome is Verdict.ATTENTION) == (WARN in statuses)


class TestWholeSection:
    """The health check as a round holds it, where there is nothing to look at."""

    def verdict(self, folder: Path, text: str, past: Unobserved | None = None) -> tuple[Verdict, set[Status]]:
        file = folder / "shop.toml"
        file.write_text(f'[service]\nname = "shop"\nbase_url = "http://127.0.0.1:9"\n{text}', encoding="utf-8")
        settings = load_settings(file)
        key = RunKey("shop", "daily-checklist", "2026-11-24", "hand")
        run = Round(key, settings, cast(Any, None), NOW, NOW, past, False, lambda: NOW)
        section = asyncio.run(health_check(run))
        facts = RoundFacts(
            service="shop",
            environment="production",
            timezone="UTC",
            owner=None,
            flow=key.flow,
            title=DAILY.title,
            period=key.period,
            trigger="hand",
            started_at=NOW,
            finished_at=NOW,
            lines=DAILY.lines(settings),
            notes=(),
        )
        report = compose_report(facts, (section,), 1, None)
        assert all(kpi.value is None for kpi in report.kpis)
        assert not any(line.ticked for line in report.lines)
        return report.verdict, {r.status for r in report.results}

    OTHERS = '[guide.daily]\nerror-logs = { not_applicable = "none" }\nresources = { not_applicable = "none" }\n'

    @pytest.mark.parametrize("health", ["", "[health]\n", '[health.headers]\nX-Team = "1"\n'])
    def test_a_service_without_settings_is_incomplete(self, tmp_path: Path, health: str) -> None:
        assert self.verdict(tmp_path, health) == (Verdict.INCOMPLETE, {SKIPPED})
        assert self.verdict(tmp_path, health + self.OTHERS) == (Verdict.INCOMPLETE, {SKIPPED})

    def test_the_health_line_left_out_as_well_is_incomplete(self, tmp_path: Path) -> None:
        text = self.OTHERS + 'health = { not_applicable = "none" }\n'
        assert self.verdict(tmp_path, text) == (Verdict.INCOMPLETE, {SKIPPED})

    def test_another_day_is_not_measured(self, tmp_path: Path) -> None:
        text = '[health]\nlive = "/l"\nready = "/r"\nreport = "/h"\nrequests = ["/x"]\ncomponents = ["db"]\n'
        past = Unobserved(msg("Only the present can be checked, not {day}", day="2026-11-23"))
        assert self.verdict(tmp_path, text + self.OTHERS, past) == (Verdict.INCOMPLETE, {UNKNOWN, SKIPPED})  # no https


def test_the_slo_report_follows_the_monthly_line_and_takes_no_added_ones() -> None:
    left = {"not_applicable": "no objectives yet"}
    guide = Guide.model_validate({"monthly": {"SLOレビュー": left, "Ask the users": ["slo.*"]}})
    own = [system.line for system in MONTHLY.systems]
    [slo] = guide.lines("monthly", own[:1], takes_added=SLO_REPORT.takes_added_lines)
    monthly = guide.lines("monthly", own, takes_added=MONTHLY.takes_added_lines)
    assert slo.not_applicable == monthly[0].not_applicable == "no objectives yet"
    assert [line.text.params.get("text") for line in monthly[len(own) :]] == ["Ask the users"]
    daily = [system.line for system in DAILY.systems]
    assert guide.lines("daily", daily, takes_added=True) == tuple(daily)
