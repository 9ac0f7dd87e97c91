"""The end of the demo on the terminal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployments.demo import run
from deployments.demo.expected import compare
from deployments.demo.faults import Fault
from deployments.demo.outcome import show_outcome, show_story
from deployments.demo.story.facts import Beat, Story, Way
from deployments.run import RunResult
from flows import load_test
from flows.checklist import Checklist
from flows.daily_checklist import CHECKLIST
from reports.report import Report
from reports.words import Words
from tasks.check_result import CheckResult, Severity, Status, msg, verbatim
from tasks.guide.judge import Verdict, judge_lines, judge_round
from tasks.settings import Settings, load_settings

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def found(check: str, subject: str, status: Status = Status.FAIL) -> CheckResult:
    measured = CHECKLIST.systems[0].checks[0].judged(Status.UNKNOWN, subject, verbatim("why"), at=NOW)
    return replace(measured, check=check, title=verbatim(f"Title of {check}"), severity=Severity.WARNING)


def report(*results: CheckResult) -> Report:
    lines = judge_lines([system.line for system in CHECKLIST.systems], results)
    return Report(
        service="kondate", environment="demo", timezone="UTC", flow="daily-checklist", title=CHECKLIST.title,
        period="2026-11-24", revision=1, trigger="hand", started_at=NOW, finished_at=NOW,
        verdict=judge_round(lines, results), lines=lines, results=results, kpis=(), actions=(), previous=None,
    )  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "kondate.toml"
    file.write_text(
        '[service]\nname = "kondate"\nbase_url = "http://127.0.0.1:1"\ntimezone = "UTC"\nenvironment = "demo"\n'
        '[reports]\noutput = "out"\nlocales = ["en", "ja"]\n'
    )
    return load_settings(file)


def test_planted_against_found_and_the_addresses(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    of = report(
        found("health.status", "a"), found("health.status", "b"), found("health.status", "c"),
        found("resources.cpu", "host"), found("slo.kpi", "kpi:conversion"),
    )  # fmt: skip
    show_outcome(compare({Fault.HTML_HEALTH, Fault.FLAP}, of), [of], settings, Words("en", "UTC"))
    shown = capsys.readouterr().out
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in shown.splitlines() if line.strip()}
    assert rows["html-health"] == "✓ yes ✓ yes Title of health.status Daily checklist: a, b, 1 more"
    assert rows["flap"] == "✓ yes ✕ no health.liveness"
    assert "latency" not in rows
    assert "Found, but not planted: Daily checklist: ? Title of slo.kpi (kpi:conversion)" in shown
    assert "About this machine: ? Title of resources.cpu (host)" in shown
    assert "What was found is not what was planted" in shown
    index = (settings.output / "index.html").absolute().as_uri()
    assert f"All reports: {index}" in shown and "daily-checklist/2026-11-24/r1/report.html" in shown
    assert shown.rstrip().endswith(str(settings.output / "kondate" / "mail"))


def test_a_fault_that_was_found_and_not_planted_is_named(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    of = report(found("health.status", "a"))
    show_outcome(compare((), of), [of], settings, Words("en", "UTC"))
    shown = capsys.readouterr().out
    assert "Found, but not planted: html-health" in shown
    assert "✕ no" in shown and "What was found is not what was planted" in shown


@pytest.mark.parametrize(
    ("checklist", "given", "verdicts"),
    [
        (load_test.CHECKLIST, {"profile": "steps"}, [Verdict.INCOMPLETE, Verdict.PASSED]),
        (load_test.CHECKLIST, {"profile": "steps"}, [Verdict.INCOMPLETE, Verdict.INCOMPLETE]),
        (load_test.CHECKLIST, {"profile": "steps"}, [Verdict.FAILED]),
        (CHECKLIST, {}, [Verdict.INCOMPLETE]),
    ],
)
def test_an_invalid_load_test_is_run_once_more(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    checklist: Checklist,
    given: dict[str, str],
    verdicts: list[Verdict],
) -> None:
    results = [RunResult(verdict, "", replace(report(), verdict=verdict), None, None) for verdict in verdicts]
    left = list(results)
    monkeypatch.setattr(run, "run_now", lambda *_: left.pop(0))
    assert run.run_round(checklist, given, settings, "en", False) is results[-1]
    assert not left


@pytest.mark.parametrize("arrived", [1, 2])
def test_the_story_with_its_times_and_its_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arrived: int
) -> None:
    beats = (Beat(NOW, msg("Fault planted: the cache is down")), Beat(NOW + timedelta(seconds=9), msg("No incident")))
    show_story(Story(beats, (Way("chat", 1, arrived),), (str(tmp_path / "page"),)), Words("en", "Asia/Tokyo"))
    shown = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "09:00:00 +0 Fault planted: the cache is down" in lines and "09:00:09 +9 No incident" in lines
    assert f"To chat: 1 messages sent, {arrived} arrived" in lines
    assert ("The alert was raised, delivered and resolved as planned" in lines) is (arrived == 1)
    assert f"Incident page: {(tmp_path / 'page').as_uri()}" in shown
