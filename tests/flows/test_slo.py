"""SLO report and monthly checklist on a real Prefect server, from raw log lines, probes and records to the report."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from flows.monthly_checklist import monthly_checklist
from flows.options import MonthlyOptions, SloOptions, options_of
from flows.slo_report import slo_report
from reports.report import Report
from tasks.check_result import CheckResult, Status, Table
from tasks.errors import UsageError
from tasks.history.engine import reading
from tasks.records.facts import Deploy, DeployOutcome, Maintenance, Origin, Outage
from tasks.records.store.records import store_records
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.settings import load_settings
from tasks.slo.store.months import month_problems

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

NEW_YORK = ZoneInfo("America/New_York")
START, END = datetime(2026, 3, 1, tzinfo=NEW_YORK), datetime(2026, 4, 1, tzinfo=NEW_YORK)
"""743 hours: the clocks change on the 8th."""
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
OUTAGE = (START.astimezone(UTC) + timedelta(days=12, hours=3), timedelta(minutes=40))
CLOSED = (START.astimezone(UTC) + timedelta(days=15, hours=2), timedelta(minutes=90))
SILENT = (START.astimezone(UTC) + timedelta(days=20), timedelta(hours=5))
LOG = (
    '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["app.log"]\n[logs]\nlatency_bounds_ms = [200]\n'
    '[[routes]]\npattern = "/api/users"\nmodule = "users"\n'
    '[[routes]]\npattern = "/api/shopping"\nmodule = "shopping"\n'
)
OBJECTIVES = """
[slo.alerts]
min_valid = 20  # about 40 requests come in an hour
[[slo.objective]]
name = "availability"
kind = "availability"
target = 0.999
[[slo.objective]]
name = "users"
kind = "availability"
target = 0.99
alerts = false
scope = { module = "users" }
[[slo.objective]]
name = "latency"
kind = "latency"
within_ms = 200
target = 0.95
[[slo.objective]]
name = "slices"
kind = "availability"
target = 0.99
budgeting = "timeslices"
slice_target = 0.9
alerts = false
[[slo.objective]]
name = "uptime"
kind = "uptime"
target = 0.9995
probe = "live"
[[slo.objective]]
name = "incident-resolution"
kind = "incident-resolution"
[[slo.objective]]
name = "deploy-frequency"
kind = "deploy-frequency"
"""


def lines(chance: random.Random) -> Iterator[str]:
    """A month of requests, some failed, some slow, some lines torn; and an hour on either side."""
    at = START.astimezone(UTC) - HOUR
    while at < END.astimezone(UTC) + HOUR:
        at += timedelta(seconds=chance.expovariate(1 / 90))
        if SILENT[0] <= at < SILENT[0] + SILENT[1]:
            continue
        down = OUTAGE[0] <= at < OUTAGE[0] + OUTAGE[1] or CLOSED[0] <= at < CLOSED[0] + CLOSED[1]
        status = 503 if down and chance.random() < 0.8 else 500 if chance.random() < 0.0002 else 200
        record = {
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
            "level": "info",
            "module": chance.choice(["users", "shopping", "shopping"]),
            "method": "GET",
            "url": "/api/items",
            "status": status,
            "duration": round(chance.lognormvariate(4, 0.6), 1),
        }
        text = json.dumps(record)
        yield text if chance.random() > 0.001 else text[:40]


@cache
def log_text() -> str:
    return "".join(f"{line}\n" for line in lines(random.Random(7)))


@pytest.fixture
def shop(operate: "Operate", prefect: Any) -> "Operated":
    """A service with a month of log, probes and records."""
    guide = '[guide.daily]\nerror-logs = { not_applicable = "by hand" }\n'
    shop = operate(guide=guide, more=LOG + OBJECTIVES)
    file = shop.settings.path
    file.write_text(file.read_text().replace(shop.settings.service.timezone, NEW_YORK.key, 1))
    shop.settings = load_settings(file)
    (file.parent / "app.log").write_text(log_text())
    return shop


def record(shop: "Operated") -> None:
    """What people recorded, and what the monitoring measured."""
    first, end = START.astimezone(UTC), END.astimezone(UTC)
    readings = []
    at = first
    while at < end:
        down = OUTAGE[0] <= at < OUTAGE[0] + OUTAGE[1] or CLOSED[0] <= at < CLOSED[0] + CLOSED[1]
        readings.append((at, Reading("probe.live", "service", float(not down), "")))
        at += MINUTE
    store_readings(shop.history, shop.name, readings)
    weekly = (first + timedelta(days=day, hours=15) for day in range(-6, 31) if day % 7 in (2, 4))
    deploys = [
        Deploy(f"1.{n}", "production", t, t, DeployOutcome.SUCCEEDED, Origin.RECORDED) for n, t in enumerate(weekly)
    ]
    outage = Outage(OUTAGE[0], OUTAGE[0] + OUTAGE[1], None, "the disk was full")
    closed = Maintenance(CLOSED[0], CLOSED[0] + CLOSED[1], None, "upgrade", CLOSED[0] - HOUR, "kim")
    store_records(shop.history, shop.name, [*deploys, outage, closed], "kim", datetime.now(UTC))


def hold(shop: "Operated", flow: Any = monthly_checklist, **options: Any) -> Any:
    form = MonthlyOptions(**options) if flow is monthly_checklist else SloOptions(**options)
    return asyncio.run(flow(shop.name, form, return_state=True))


def result(report: Report, check: str, subject: str) -> CheckResult:
    return next(r for r in report.results if (r.check, r.subject) == (check, subject))


def figures(found: CheckResult) -> dict[str, Any]:
    table = next(piece for piece in found.evidence if isinstance(piece, Table))
    return {str(getattr(row[0], "text", row[0])): row[1] for row in table.rows}


def counted_again(shop: "Operated") -> dict[str, Any]:
    """What a script that shares no code with the product makes of the same lines."""
    window = [START.isoformat(), END.isoformat(), "60", "200", "0.9"]
    closed = [CLOSED[0].isoformat(), (CLOSED[0] + CLOSED[1]).isoformat()]
    script = Path(__file__).parents[1] / "oracle_month.py"
    command = [sys.executable, str(script), str(shop.settings.path.parent / "app.log"), *window, *closed]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    return found


@pytest.mark.deep
def test_a_month_is_what_another_script_counts_in_the_raw_lines(shop: "Operated") -> None:
    record(shop)
    state = hold(shop, for_month="2026-03")
    report, again = shop.report(), counted_again(shop)
    assert state.name == report.verdict == "ChecksFailed"
    service = figures(result(report, "slo.availability", "objective:availability"))
    assert (service["Total"], service["Bad"]) == (again["valid"], again["bad"])
    assert (service["Measured minutes"], service["Minutes excluded for maintenance"]) == (again["measured_min"], 90)
    assert again["expected_min"] == 743 * 60 - 90
    users = figures(result(report, "slo.availability", "objective:users/module:users"))
    assert [users["Total"], users["Bad"]] == again["modules"]["users"]
    assert figures(result(report, "slo.latency", "objective:latency"))["Good"] == again["within"]
    slices = figures(result(report, "slo.availability", "objective:slices"))
    assert (slices["Total"], slices["Bad"]) == (again["slices"], again["bad_slices"])
    by_module = result(report, "slo.availability", "objective:availability").evidence[1]
    assert isinstance(by_module, Table)
    assert {row[0]: [row[1], row[2]] for row in by_module.rows} == again["modules"]


@pytest.mark.deep
def test_a_month_with_an_outage_and_a_maintenance(shop: "Operated") -> None:
    record(shop)
    hold(shop, for_month="2026-03")
    report = shop.report()
    statuses = {(r.check, r.subject): r.status for r in report.results}
    uptime = result(report, "slo.uptime", "objective:uptime")
    assert (uptime.status, uptime.reason.params["bad"]) == (Status.FAIL, 40)
    assert figures(uptime)["Error budget of the SLO window, minutes"] == 22.29  # 743 h, not 744
    assert statuses["slo.incident-resolution", "objective:incident-resolution"] is Status.PASS
    assert statuses["slo.downtime", "service"] is Status.PASS
    assert statuses["slo.error-budget", "service"] is Status.FAIL
    assert statuses["slo.deploy-frequency", "objective:deploy-frequency"] is Status.PASS
    assert statuses["slo.closed-month", "month:2026-03"] is Status.PASS
    causes = next(p for p in result(report, "slo.downtime", "service").evidence if isinstance(p, Table))
    assert [(row[2], row[4]) for row in causes.rows] == [(40.0, "the disk was full")]
    page = (shop.folder(shop.runs()[-1]) / "report.html").read_text(encoding="utf-8")
    assert "the disk was full" in page and "America/New_York" in page


@pytest.mark.deep
def test_a_past_month_is_frozen_and_a_correction_is_the_next_revision(shop: "Operated") -> None:
    record(shop)
    hold(shop, for_month="2026-03")
    first = figures(result(shop.report(), "slo.closed-month", "month:2026-03"))
    hold(shop, for_month="2026-03")
    again = figures(result(shop.report(), "slo.closed-month", "month:2026-03"))
    assert (again["Revision"], again["SHA-256 of the figures"]) == (1, first["SHA-256 of the figures"])
    late = Outage(START + timedelta(days=25), START + timedelta(days=25, minutes=10), None, "found out later")
    store_records(shop.history, shop.name, [late], "lee", datetime.now(UTC))
    hold(shop, for_month="2026-03")
    corrected = result(shop.report(), "slo.closed-month", "month:2026-03")
    assert (corrected.status, figures(corrected)["Revision"]) == (Status.WARN, 2)
    changed = corrected.evidence[1]
    assert isinstance(changed, Table)
    assert ("objectives uptime good", 743 * 60 - 90 - 40, 743 * 60 - 90 - 50) in changed.rows
    with reading(shop.history) as connection:
        assert month_problems(connection) == {}
    shop.rows("DELETE FROM samples WHERE minute < 100000000")
    hold(shop, for_month="2026-03")
    lost = result(shop.report(), "slo.closed-month", "month:2026-03")
    assert lost.status is Status.WARN and "Less data is available" in lost.reason.text
    assert [row.revision for row in shop.rows("SELECT revision FROM slo_months ORDER BY revision")] == [1, 2]
    shop.rows("DELETE FROM slo_months WHERE revision = 2")
    with reading(shop.history) as connection:
        assert month_problems(connection) == {shop.name: ["frozen month 2026-03 r2: is not the one that was reported"]}


@pytest.mark.deep
@pytest.mark.study
def test_another_zone_for_a_frozen_month_is_a_reported_correction(shop: "Operated") -> None:
    record(shop)
    hold(shop, for_month="2026-03")
    file = shop.settings.path
    file.write_text(file.read_text().replace(NEW_YORK.key, "Asia/Tokyo"))
    shop.settings = load_settings(file)
    hold(shop, for_month="2026-03")
    moved = result(shop.report(), "slo.closed-month", "month:2026-03")
    assert moved.status is Status.WARN
    differences = moved.evidence[1]
    assert isinstance(differences, Table)
    assert ("timezone", "America/New_York", "Asia/Tokyo") in differences.rows


def test_a_month_without_data_is_nowhere_green(shop: "Operated") -> None:
    state = hold(shop, for_month="2026-01")
    report = shop.report()
    assert state.name == report.verdict == "Incomplete"
    assert not report.with_status(Status.PASS) and not shop.rows("SELECT 1 FROM slo_months")
    assert result(report, "slo.uptime", "objective:uptime").reason.text.startswith(
        "Nothing was measured in this window"
    )
    resolution = result(report, "slo.incident-resolution", "objective:incident-resolution")
    assert resolution.status is Status.UNKNOWN


@pytest.mark.deep
def test_a_week_report_stands_at_the_weeks_end(shop: "Operated") -> None:
    record(shop)
    state = hold(shop, slo_report, for_period="2026-W11")
    report = shop.report()
    assert (report.flow, report.period, state.name) == ("slo-report", "2026-W11", "ChecksFailed")
    service = figures(result(report, "slo.uptime", "objective:uptime"))
    assert service["As of"] == "2026-03-16T04:00Z"  # Sunday's midnight in New York
    assert not [r for r in report.results if r.check == "slo.closed-month"]
    early = hold(shop, slo_report, for_period="2026-W10")
    odd = [(r.check, r.subject, r.reason) for r in shop.report().results if r.status is not Status.PASS]
    assert (early.name, [check for check, _, _ in odd]) == ("Passed", ["slo.burn-rate"] * 2), odd


def test_what_is_no_period_of_a_round_is_refused(shop: "Operated") -> None:
    for flow, options in ((monthly_checklist, {"for_month": "2999-01"}), (slo_report, {"for_period": "2026-03-01"})):
        state = hold(shop, flow, **options)
        assert state.is_failed() and shop.runs() == ()
    now = datetime(2026, 11, 25, tzinfo=UTC)
    for form, key in ((MonthlyOptions, "2026-10"), (SloOptions, "2026-W47")):
        assert options_of(form, {}, now, NEW_YORK).period(now.date(), NEW_YORK).key == key
    for form, period in ((MonthlyOptions, "2026-12"), (SloOptions, "2026-W49"), (SloOptions, "x")):
        with pytest.raises(UsageError):
            options_of(form, {"for": period}, now, NEW_YORK)


def test_a_log_that_cannot_be_read_leaves_no_running_objective_met(shop: "Operated") -> None:
    (shop.settings.path.parent / "app.log").chmod(0)
    (shop.settings.path.parent / "app.log").unlink()
    (shop.settings.path.parent / "app.log").mkdir()
    month = f"{datetime.now(NEW_YORK):%Y-%m}"
    hold(shop, for_month=month)
    report = shop.report()
    assert result(report, "slo.availability", "objective:availability").status is Status.UNKNOWN
    hold(shop, for_month="2026-03")
    closed = result(shop.report(), "slo.closed-month", "month:2026-03")
    assert closed.status is Status.UNKNOWN and not shop.rows("SELECT 1 FROM slo_months")
