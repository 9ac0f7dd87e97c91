"""Which stored round a command shows for its own while another process runs one, and what is never green."""

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.run import BROKEN, RunResult, run_now
from flows.daily_checklist import CHECKLIST
from flows.options import DailyOptions
from flows.rounds import NOT_ARCHIVED
from tasks.guide.judge import Verdict
from tasks.processes import free_port

if TYPE_CHECKING:
    from tests.operated import Operate

ANOTHER_PROCESS = """
CREATE TRIGGER another AFTER INSERT ON runs WHEN NEW.flow = 'daily-checklist' AND NEW.revision = 1 BEGIN
  INSERT INTO runs
    (service_id, flow, period, revision, trigger, verdict, finished_at, sequence, report, digest, chained)
  SELECT NEW.service_id, flow, period, NEW.revision + later, 'hand', NEW.verdict, NEW.finished_at,
    NEW.sequence + number, replace(NEW.report, '"daily-checklist"', '"' || flow || '"'), NEW.digest, NEW.chained
  FROM (SELECT 1 AS number, 'slo-report' AS flow, NEW.period AS period, 0 AS later
    UNION SELECT 2, 'daily-checklist', '2020-01-01', 0 UNION SELECT 3, 'daily-checklist', NEW.period, 1);
END"""
"""Another flow, another day and the next revision, all stored with ours."""


@pytest.mark.usefixtures("prefect")
def test_the_runs_of_another_process_at_the_same_time_are_not_taken_for_ours(operate: "Operate") -> None:
    shop = operate()
    shop.rows(ANOTHER_PROCESS)
    result = run_now(CHECKLIST, shop.settings, DailyOptions(), print)
    assert result.report is not None and result.seal is not None and len(shop.runs()) == 4
    assert (result.report.flow, result.report.revision, result.seal.sequence) == ("daily-checklist", 1, 1)
    assert (result.report.verdict, result.exit_status) == (Verdict.PASSED, 0)


@pytest.mark.parametrize("state", ["Failed", "Crashed", "TimedOut", "Skipped", "Missed", NOT_ARCHIVED, "Passed", ""])
def test_without_a_report_of_its_own_nothing_is_green(state: str) -> None:
    assert RunResult(state, "", None, None, Counter()).exit_status == BROKEN


@pytest.mark.usefixtures("prefect")
def test_a_prefect_server_that_is_lost_is_said_with_what_became_of_the_round(operate: "Operate") -> None:
    shop = operate()
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        result = run_now(CHECKLIST, shop.settings, DailyOptions(), print)
    assert (result.state, result.report, result.exit_status) == ("Crashed", None, BROKEN)
    assert "the Prefect server was lost" in result.message and "nothing of the round is stored" in result.message
