"""The demo without a fault as `rounds demo` runs it: it passes only if none was found. `make demo` has all faults."""

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import text

from deployments.demo.faults import Fault, service_name
from deployments.demo.past.bring import generate_history
from deployments.demo.past.figures import LIVE
from deployments.demo.past.history import Shape
from deployments.demo.run import ROUNDS, run_demo
from reports.report import Report, from_text
from tasks.check_result import Status
from tasks.guide.judge import Verdict
from tasks.history.engine import writing
from tasks.history.opened import history_of
from tasks.history.runs import read_runs
from tasks.postgres.server import running_postgres
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import oldest_sample, store_readings, synthetic_until
from tasks.settings import SERVICES_VARIABLE, load_settings
from tasks.slo.checks import CHECKS as SLO
from tests.operated import figures

pytestmark = pytest.mark.alone
NAME = service_name(frozenset())
FLOWS = {checklist.name for checklist, _ in ROUNDS}
SHORT = Shape(requests_per_day=3500, smoke_s=10, step_s=5)
"""Fewer requests a day than the demo's, and as many days: the last whole month is covered."""


@pytest.fixture(scope="module")
def folder(prefect_folder: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo keeps its data."""
    return prefect_folder(tmp_path_factory.mktemp("demo") / "data" / "prefect").parent.parent


@pytest.fixture(scope="module")
def printed(folder: Path) -> tuple[bool, str]:
    """Whether nothing was found, and the output."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out:
        patch.setenv(SERVICES_VARIABLE, "put back at the end")
        exact = run_demo(folder / "data", folder / "output", frozenset(), "en", SHORT, story=False)
    return exact, out.getvalue()


def reports_of(folder: Path) -> dict[str, Report]:
    """The newest rounds by their flow."""
    settings = load_settings(folder / "data" / f"{NAME}.toml")
    history = history_of(settings)
    try:
        return {run.flow: from_text(run.report) for run in reversed(read_runs(history, NAME, most=10))}
    finally:
        history.dispose()


def newest(folder: Path) -> Report:
    return reports_of(folder)["daily-checklist"]


def test_no_fault_is_found(folder: Path, printed: tuple[bool, str]) -> None:
    exact, text = printed
    assert exact, text
    assert "Exactly the planted faults were found" in text
    assert not [line for line in text.partition("Planted and found")[2].splitlines() if line.startswith(tuple(Fault))]
    rounds = re.split(r"^Mail: .*$", text, flags=re.MULTILINE)
    runs = len(rounds) - 1  # each of the two load tests is run again if it is invalid
    assert len(ROUNDS) <= runs <= len(ROUNDS) + 2 and max(part.count("\n") for part in rounds) < 60
    index = (folder / "output" / "index.html").as_uri()
    assert f"All reports: {index}" in rounds[-1] and f"Mail folder: {folder}" in rounds[-1]
    assert "Found, but not planted" not in text and "Nothing was measured for" not in text
    report = newest(folder)
    assert (report.revision, report.environment) == (1, "demo")
    assert any(note.params.get("sources") == "history" for note in report.notes)
    archived = folder / "output" / NAME / "daily-checklist" / report.period / "r1"
    # The language of the terminal is the main one.
    assert "Synthetic" in (archived / "report.html").read_text(encoding="utf-8")
    assert "Checklist" in (archived / "report.txt").read_text(encoding="utf-8")
    mails = len(list((folder / "output" / NAME / "mail").glob("*.eml")))  # the second load test only if it differs
    assert 2 * len(FLOWS) <= mails <= 2 * runs


@pytest.mark.usefixtures("printed")
def test_the_last_week_and_the_last_month_are_reported(folder: Path) -> None:
    rounds = reports_of(folder)
    assert set(rounds) == FLOWS
    assert {rounds[name].verdict for name in FLOWS - {"daily-checklist"}} == {"Passed"}
    month = rounds["monthly-checklist"]
    measured = {r.check for r in month.results if r.status is not Status.SKIPPED}
    planned = {"capacity.forecast", "capacity.traffic", "capacity.headroom"}
    assert measured == {c.id for c in SLO} - {"slo.kpi"} | planned
    assert "Synthetic data: samples up to {at} are generated" in [note.text for note in month.notes]


@pytest.mark.usefixtures("printed")
def test_few_checks_are_skipped_in_a_demo_without_faults(folder: Path) -> None:
    report = newest(folder)
    skipped = {r.check for r in report.with_status(Status.SKIPPED) if not r.subject.startswith(("host", "container"))}
    resources = {"resources.database-replication", "resources.database-cache"}
    assert skipped <= {"logs.regressed-error", "health.tls", *resources}
    *guides, watch = report.lines
    assert len(guides) == 3 and all(line.verdict.measured for line in guides)
    assert (watch.id, watch.verdict) == ("schedule", Verdict.NOT_APPLICABLE)  # nobody monitors, and it says so


@pytest.mark.usefixtures("printed")
def test_a_second_start_of_a_day_adds_minutes_alone(folder: Path) -> None:
    file = folder / "data" / f"{NAME}.toml"
    settings = load_settings(file)
    past = folder / "data" / settings.service.name / "history"
    before = {path.name: path.stat().st_size for path in past.iterdir()}
    history = history_of(settings)
    until = synthetic_until(history, settings.service.name)
    assert until is not None
    with running_postgres(folder / "data" / "postgres", fsync=False) as server:
        dsn = server.address("kondate")
        generate_history(file, SHORT, dsn, False, datetime.now(UTC))
        later = synthetic_until(history, settings.service.name)
        generate_history(file, SHORT, dsn, False, datetime.now(UTC) + timedelta(minutes=3))
        last = synthetic_until(history, settings.service.name)
    assert later is not None and last is not None
    assert until <= later < last <= datetime.now(UTC) + timedelta(minutes=3)
    after = {path.name: path.stat().st_size for path in past.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} <= {max(after)}
    history.dispose()


@pytest.mark.usefixtures("printed")
def test_measured_weeks_are_not_overwritten(folder: Path) -> None:
    file = folder / "data" / f"{NAME}.toml"
    settings = load_settings(file)
    history = history_of(settings)
    until = synthetic_until(history, settings.service.name)
    assert until is not None
    measured = (until + timedelta(minutes=5), Reading(LIVE, "a", 0.0, ""))
    store_readings(history, settings.service.name, [measured])
    with running_postgres(folder / "data" / "postgres", fsync=False) as server:
        dsn = server.address("kondate")
        generate_history(file, SHORT, dsn, False, until + timedelta(minutes=20))
    before = (until + timedelta(minutes=1), until + timedelta(minutes=6))
    assert figures(history, settings.service.name, LIVE, *before) == {"a": (0.0,)}
    after = (until + timedelta(minutes=6), until + timedelta(minutes=20))
    assert figures(history, settings.service.name, LIVE, *after) == {"a": (1.0,) * 14, "b": (1.0,) * 14}


@pytest.mark.usefixtures("printed")
def test_a_past_of_fewer_weeks_is_lengthened(folder: Path) -> None:
    file = folder / "data" / f"{NAME}.toml"
    settings = load_settings(file)
    history = history_of(settings)
    name = settings.service.name
    oldest = oldest_sample(history, name, LIVE)
    assert oldest is not None
    minute = int((oldest + timedelta(days=30)).timestamp()) // 60
    with writing(history) as connection:
        connection.execute(text("DELETE FROM samples WHERE minute < :minute"), {"minute": minute})
    with running_postgres(folder / "data" / "postgres", fsync=False) as server:
        generate_history(file, SHORT, server.address("kondate"), False, datetime.now(UTC))
    again = oldest_sample(history, name, LIVE)
    assert again is not None and abs(again - oldest) < timedelta(hours=1)
    day = (oldest + timedelta(days=29), oldest + timedelta(days=31))
    assert {len(values) for values in figures(history, name, LIVE, *day).values()} == {2 * 1440}
    history.dispose()
    history.dispose()
