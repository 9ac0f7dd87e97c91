"""The demo as `rounds demo` runs it: it passes only if exactly what was planted was found."""

from pathlib import Path

import pytest

from deployments.demo.faults import Fault
from deployments.demo.run import run_demo
from reports.report import Report, from_text
from tasks.check_result import Status
from tasks.guide.judge import Verdict
from tasks.history.opened import history_of
from tasks.history.runs import read_runs
from tasks.settings import SERVICES_VARIABLE, load_settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both demos keep their data, so that the second finds the first one's."""
    return tmp_path_factory.mktemp("demo")


def newest(folder: Path) -> Report:
    settings = load_settings(folder / "data" / "service.toml")
    history = history_of(settings)
    try:
        return from_text(read_runs(history, "kondate", most=1)[0].report)
    finally:
        history.dispose()


@pytest.mark.parametrize(
    ("faults", "verdict", "revision"),
    [(frozenset(Fault), Verdict.FAILED, 1), (frozenset[Fault](), Verdict.PASSED, 2)],
    ids=["all faults", "no fault"],
)
def test_exactly_the_planted_faults_are_found(
    folder: Path,
    faults: frozenset[Fault],
    verdict: Verdict,
    revision: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(SERVICES_VARIABLE, "put back at the end")
    assert run_demo(folder / "data", folder / "output", faults, "en")
    said = capsys.readouterr().out
    assert "Exactly the planted faults were found" in said and "Found, but not planted" not in said
    report = newest(folder)
    assert (report.verdict, report.revision, report.environment) == (verdict, revision, "demo")
    assert bool(report.with_status(Status.FAIL)) == bool(faults)
    archived = folder / "output" / "kondate" / "daily-checklist" / report.period / f"r{revision}"
    assert (archived / "report.html").is_file()
    assert len(list((folder / "output" / "kondate" / "mail").glob("*.eml"))) == 2 * revision
