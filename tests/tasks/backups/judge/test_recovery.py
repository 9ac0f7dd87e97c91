"""How long a recovery takes."""

from datetime import timedelta

import pytest

from tasks.backups.facts import Drill, DrillStep, DrillVerdict, PastDrill, StepOutcome, StepResult
from tasks.backups.judge.recovery import judge_recovery_time
from tasks.backups.settings import BackedUp
from tasks.check_result import Chart, Quantity, Status, msg
from tests.tasks.backups.judge.test_files import BLIND, LIMITS, MB, NOW, ON, TARGET, backup, reason_text


def drill(recovery_s: float | None = 60.0, steps: tuple[StepResult, ...] = ()) -> Drill:
    return Drill(
        backup=backup(3), form=None, steps=steps, started_at=NOW, seconds=100.0, manifest=BLIND, live=BLIND,
        recovery_s=recovery_s,
    )  # fmt: skip


def past(days: float, verdict: DrillVerdict = DrillVerdict.PASSED, recovery_s: float | None = 60.0) -> PastDrill:
    return PastDrill(
        at=NOW - timedelta(days=days), verdict=verdict, backup=f"shop-{days:g}.dump", backup_at=None, bytes=MB,
        recovery_s=recovery_s, server_version="16.4", reached="restore",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(60, Status.PASS), (120, Status.PASS), (120.1, Status.WARN), (3600, Status.WARN), (3600.1, Status.FAIL)],
)
def test_a_recovery_is_compared_with_the_rto_and_earlier_ones(seconds: float, status: Status) -> None:
    before = [past(n) for n in range(1, 4)]
    result = judge_recovery_time(ON, drill(seconds), before, TARGET, LIMITS, NOW)
    assert (result.status, result.observed) == (status, Quantity(seconds, "s"))
    assert result.limit is not None and result.limit.value == 3600
    assert "the guide" in result.limit.source.text


def test_few_and_unfinished_recoveries_are_no_measure() -> None:
    before = [past(1), past(2), past(3, recovery_s=None)]
    assert judge_recovery_time(ON, drill(1000), before, TARGET, LIMITS, NOW).status is Status.PASS
    today_is_kept_already = [past(0, recovery_s=1000), *(past(n) for n in range(1, 4))]
    result = judge_recovery_time(ON, drill(1000), today_is_kept_already, TARGET, LIMITS, NOW)
    assert reason_text(result) == "16.7 times the median of the previous 3 (60.0 s)"


def test_the_chart_has_the_last_fourteen_and_todays() -> None:
    before = [past(n, recovery_s=float(n)) for n in (*range(20, 10, -1), *range(1, 11))]
    result = judge_recovery_time(ON, drill(1), before, BackedUp(rto_min=30), LIMITS, NOW)
    (chart,) = result.evidence
    assert isinstance(chart, Chart) and chart.limit == 1800
    assert chart.values == (*(float(n) for n in range(14, 0, -1)), 1.0)
    assert result.limit is not None and result.limit.source == msg("the service file")


def test_a_recovery_that_did_not_happen_has_no_time() -> None:
    stopped = drill(None, (StepResult(DrillStep.DECODE, StepOutcome.FAILED, msg("bad")),))
    result = judge_recovery_time(ON, stopped, [past(1)], TARGET, LIMITS, NOW)
    assert result.status is Status.UNKNOWN and reason_text(result) == (
        "Not reached: an earlier step failed and ended the restore drill"
    )
