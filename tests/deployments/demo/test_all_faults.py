"""The demo with every fault that does not need a load test to be found; `make demo` plants one of those, too."""

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from deployments.demo import run
from deployments.demo.faults import ON_STAGING, Fault, service_name
from deployments.demo.past.history import Shape
from flows import load_test
from reports.report import from_text
from tasks.check_result import Status
from tasks.history.opened import history_of
from tasks.history.runs import read_runs
from tasks.settings import SERVICES_VARIABLE, load_settings

PLANTED = frozenset(Fault) - ON_STAGING
ROUNDS = tuple(round_ for round_ in run.ROUNDS if round_[0] is not load_test.CHECKLIST)
"""Without load tests, today's and earlier ones: beside other tests on the machine one is invalid now and then."""

NO_LOAD_TEST = [
    "Weekly checklist: ? Last load test (load)",
    "Monthly checklist: ? Headroom over the production peak (service)",
]
"""What is rightly found, as there is none."""


@pytest.mark.deep
def test_exactly_the_planted_faults_are_found(
    prefect_folder: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prefect_folder(tmp_path / "data" / "prefect").parent.parent
    monkeypatch.setattr(run, "ROUNDS", ROUNDS)
    monkeypatch.setattr(run, "bring_load_runs", lambda *_: None)
    monkeypatch.setenv(SERVICES_VARIABLE, "put back at the end")
    with redirect_stdout(StringIO()) as out:
        run.run_demo(folder / "data", folder / "output", PLANTED, "en", Shape(requests_per_day=3500))
    text = out.getvalue()
    assert re.findall("Found, but not planted: (.*)", text) == NO_LOAD_TEST, text
    assert "Nothing was measured for" not in text
    rows = [line.split() for line in text.partition("Planted and found")[2].splitlines()]
    assert [row[:5] for row in rows if row and row[0] in set(Fault)] == [
        [fault, "✓", "yes", "✓", "yes"] for fault in Fault if fault in PLANTED
    ]
    assert len(re.findall(r"^Mail: .*$", text, flags=re.MULTILINE)) == len(ROUNDS)
    settings = load_settings(folder / "data" / f"{service_name(PLANTED)}.toml")
    history = history_of(settings)
    month = next(r for r in read_runs(history, settings.service.name, most=10) if r.flow == "monthly-checklist")
    history.dispose()
    failed = from_text(month.report).with_status(Status.FAIL)
    assert {r.check for r in failed} == {"slo.uptime", "slo.error-budget", "slo.deploy-frequency"}
