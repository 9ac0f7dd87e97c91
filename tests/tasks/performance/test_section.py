"""The whole report from a log that is written, read and counted for real, beside a count of the same lines."""

import asyncio
import json
import math
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.check_result import Chart, CheckResult, Curve, Status, Table
from tasks.history.engine import History
from tasks.history.opened import history_of
from tasks.performance.section import performance_report
from tasks.records.facts import Deploy, DeployOutcome, Origin
from tasks.records.store.records import store_records
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.section import Section
from tests.tasks.security.running import round_of, words

MONDAY = datetime(2026, 11, 15, 15, tzinfo=UTC)
"""The beginning of 2026-W47 in Tokyo."""
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
MODULES = {"users": ("/api/users", "/api/login"), "lists": ("/api/lists",)}
LOG = """
[[logs.source]]
name = "app"
kind = "file"
paths = ["app.log"]
synthetic = true
[logs]
keep_days = 75
"""


def written(folder: Path, weeks: int = 5, per_day: int = 40, slow: float = 1.0) -> dict[str, list[float]]:
    """Requests of some weeks up to the present; gives the durations of the report's week by route."""
    chance, found = random.Random(8), defaultdict(list)
    lines: list[tuple[datetime, str]] = []
    for day in range(-7 * (weeks - 1), 9):
        for number in range(per_day):
            at = MONDAY + timedelta(days=day, minutes=number * 24 * 60 / per_day)
            for module, routes in MODULES.items():
                for route in routes:
                    ms = round(chance.lognormvariate(math.log(60), 0.45), 2)
                    if route == "/api/login" and day >= 0:
                        ms = round(ms * slow, 2)
                    failed = route == "/api/lists" and number == 0 and day == 3
                    line = {
                        "timestamp": at.isoformat(),
                        "level": "info",
                        "module": module,
                        "method": "GET",
                        "url": route,
                        "status": 503 if failed else 200,
                        "duration": ms,
                    }
                    lines.append((at, json.dumps(line)))
                    if 0 <= day < 7:
                        found[route].append(ms)
    text = "\n".join(line for at, line in sorted(lines) if at <= NOW) + "\n"
    (folder / "app.log").write_text(text, encoding="utf-8")
    return found


@pytest.fixture
def report(tmp_path: Path) -> Iterator["Reporter"]:
    reporter = Reporter(tmp_path)
    yield reporter
    reporter.close()


class Reporter:
    """Makes reports of a service whose file and log a test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._histories: list[History] = []

    def history(self, text: str = LOG) -> History:
        history = history_of(round_of(self.folder, text, now=NOW).settings)
        self._histories.append(history)
        return history

    def __call__(self, text: str = LOG, now: datetime = NOW) -> Section:
        return asyncio.run(performance_report(round_of(self.folder, text, history=self.history(text), now=now)))

    def close(self) -> None:
        for history in self._histories:
            history.dispose()


def by_check(section: Section, check: str) -> dict[str, CheckResult]:
    return {r.subject: r for r in section.results if r.check == f"performance.{check}"}


def nearest_rank(values: list[float], q: float) -> float:
    return sorted(values)[max(1, math.ceil(q * len(values))) - 1]


def test_a_week_beside_an_independent_count(report: Reporter) -> None:
    exact = written(report.folder, slow=1.6)
    history = report.history()
    deploy = Deploy("v42", "production", MONDAY + timedelta(days=2), None, DeployOutcome.SUCCEEDED, Origin.RECORDED)
    store_records(history, "shop", [deploy], "test", NOW)
    section = report()
    [measured] = by_check(section, "measured").values()
    assert (measured.status, measured.observed.value) == (Status.PASS, 100.0)  # type: ignore[union-attr]
    latency = by_check(section, "latency")
    assert {subject: r.status for subject, r in latency.items()} == {
        "service": Status.PASS,
        "module:users": Status.PASS,
        "module:lists": Status.PASS,
    }
    everything = [ms for values in exact.values() for ms in values]
    assert within_1_percent(latency["service"].observed.value, nearest_rank(everything, 0.95))  # type: ignore[union-attr]
    rows = {row[0]: row for r in latency.values() for t in r.evidence if isinstance(t, Table) for row in t.rows}
    for route, values in exact.items():
        _, requests, p50, p95, p99, over, *_ = rows[route]
        assert requests == len(values)
        for shown, q in ((p50, 0.5), (p95, 0.95), (p99, 0.99)):
            assert within_1_percent(shown, nearest_rank(values, q))
        assert over == pytest.approx(100 * sum(ms > 200 for ms in values) / len(values), rel=0.005)
    slower = by_check(section, "slowdown")
    assert (slower["module:users"].status, slower["module:lists"].status) == (Status.WARN, Status.PASS)
    assert "/api/login" in words(slower["module:users"])
    errors = by_check(section, "errors")
    assert (errors["module:users"].status, errors["module:lists"].status) == (Status.PASS, Status.FAIL)
    kpis = {kpi.id: kpi.value for kpi in section.kpis}
    assert kpis["performance.requests"] == pytest.approx(len(everything) / (7 * 86_400), rel=0.005)
    assert any("app" in note.params.values() for note in section.notes)
    curves = [e for e in latency["service"].evidence if isinstance(e, Curve)]
    assert all([mark.label for mark in curve.marks] == ["v42"] for curve in curves) and curves
    assert [e.labels[0] for e in latency["service"].evidence if isinstance(e, Chart)] == ["users /api/login"]


def within_1_percent(shown: object, exact: float) -> bool:
    assert isinstance(shown, float)
    return abs(shown / exact - 1) <= 0.01 + 0.005  # shown with three digits


def test_a_log_that_cannot_be_read_to_the_end_leaves_nothing_green(report: Reporter) -> None:
    written(report.folder, weeks=3)
    other = '[[logs.source]]\nname = "other"\nkind = "command"\ncommand = ["false", "{since}"]\n'
    section = report(other + LOG)
    of_requests = [r for r in section.results if r.check.split(".")[1] in ("measured", "latency", "slowdown")]
    assert {r.status for r in of_requests} == {Status.UNKNOWN}
    assert all(kpi.value is None for kpi in section.kpis)


def test_a_week_with_a_gap_is_unknown_and_its_failures_stand(report: Reporter) -> None:
    written(report.folder, weeks=1)
    lines = (report.folder / "app.log").read_text(encoding="utf-8").splitlines(keepends=True)
    gap = [MONDAY + timedelta(days=5), MONDAY + timedelta(days=6)]
    kept = [x for x in lines if not gap[0] <= datetime.fromisoformat(json.loads(x)["timestamp"]) < gap[1]]
    (report.folder / "app.log").write_text("".join(kept), encoding="utf-8")
    section = report()
    assert {r.status for r in by_check(section, "measured").values()} == {Status.UNKNOWN}
    assert {r.status for r in by_check(section, "latency").values()} == {Status.UNKNOWN}
    assert by_check(section, "errors")["module:lists"].status is Status.FAIL
    assert all(kpi.value is None for kpi in section.kpis)


def test_few_requests_and_no_weeks_before(report: Reporter) -> None:
    written(report.folder, weeks=1, per_day=25)
    section = report(
        "[performance.limits]\nmin_requests = 10_000\n" + LOG + "[[routes]]\npattern = '/x'\nmodule = 'x'\n"
    )
    latency = by_check(section, "latency")
    assert latency["service"].status is Status.UNKNOWN and "at least 10000" in words(latency["service"])
    assert latency["module:x"].status is Status.SKIPPED
    assert words(latency["module:x"]).startswith("Too few requests, not measured: 0")
    assert {r.status for r in by_check(section, "slowdown").values()} == {Status.SKIPPED}
    assert by_check(section, "errors")["module:lists"].status is Status.WARN


def test_a_service_without_requests_in_its_logs(report: Reporter) -> None:
    section = report("")
    assert {r.status for r in section.results} == {Status.SKIPPED}


def test_a_log_without_a_request_in_five_weeks_is_unknown(report: Reporter) -> None:
    (report.folder / "app.log").write_text("", encoding="utf-8")
    section = report()
    assert {r.status for r in by_check(section, "latency").values()} == {Status.UNKNOWN}
    assert by_check(section, "bottleneck")["service"].status is Status.UNKNOWN


def test_business_kpis_against_the_week_before(report: Reporter) -> None:
    database = '[database]\nurl = "postgresql://nobody@127.0.0.1:9/none"\n'
    kpi = database + '[[kpi]]\nname = "orders"\nsql = "SELECT 1"\nfloor = 12\n'
    samples = [
        (MONDAY + timedelta(hours=hour), Reading("kpi.value", "kpi:orders", value, ""))
        for hours, value in ((range(-60, -30), 15.0), (range(84), 12.0), (range(170, 190), 999.0))
        for hour in hours
    ]
    store_readings(report.history(kpi), "shop", samples)
    store_readings(report.history(kpi), "shop", [(MONDAY, Reading("database.cache-hit", "database", 99.0, "%"))])
    section = report(kpi)
    [found] = by_check(section, "kpi").values()
    assert (found.status, found.observed.value) == (Status.PASS, 12.0)  # type: ignore[union-attr]
    assert "-20.0 % against 15" in words(found)
    assert by_check(section, "cache-hit")["database"].status is Status.UNKNOWN  # one sample is no week
    assert by_check(section, "slow-queries")["database"].status is Status.UNKNOWN
    later = by_check(report(kpi, NOW + timedelta(days=20)), "slow-queries")["database"]
    assert later.status is Status.UNKNOWN and "Only the present" in words(later)
