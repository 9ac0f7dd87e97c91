"""Which stored round a command takes for its own while another process runs one."""

from collections import Counter

import pytest

from deployments.run import BROKEN, RunResult, _stored_as
from flows.rounds import NOT_ARCHIVED
from tasks.guide.judge import Verdict
from tasks.history.runs import StoredRun


def run(sequence: int, verdict: Verdict) -> StoredRun:
    return StoredRun("daily-checklist", "2026-11-24", sequence, verdict.value, "", sequence, "", "")


def test_the_run_of_another_process_is_not_taken_for_ours() -> None:
    recent = [run(5, Verdict.PASSED), run(4, Verdict.FAILED), run(3, Verdict.FAILED)]
    assert _stored_as("ChecksFailed", recent, 3) == recent[1]
    assert _stored_as("Passed", recent, 3) == recent[0]
    assert _stored_as("Failed", recent, 3) is None
    assert _stored_as("Passed", recent, 5) is None
    assert _stored_as(NOT_ARCHIVED, recent, 4) == recent[0]


@pytest.mark.parametrize("state", ["Failed", "Crashed", "TimedOut", "Skipped", NOT_ARCHIVED, "Passed", ""])
def test_without_a_report_of_its_own_nothing_is_green(state: str) -> None:
    assert RunResult(state, "", None, None, Counter()).exit_status == BROKEN
