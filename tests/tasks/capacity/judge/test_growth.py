"""Growth of business KPIs."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tasks.capacity.judge.growth import judge_growth
from tasks.capacity.limits import CapacityLimits
from tasks.check_result import CheckResult, Status
from tasks.kpi.settings import Kpi
from tests.capacity_days import TODAY, series

NOW = datetime(2026, 11, 1, tzinfo=UTC)
USERS = Kpi(name="users", unit="人", sql="SELECT 1", floor=4)
NOISE = np.random.default_rng(1).normal(size=60)


def judged(values: np.ndarray | None) -> CheckResult:
    given = {} if values is None else {"kpi:users": series("kpi.value", "kpi:users", values, unit="人")}
    [result] = judge_growth([USERS], given, TODAY, CapacityLimits(), NOW)
    return result


def test_growth_is_shown_with_its_interval_and_not_judged() -> None:
    result = judged(100 + 2 * np.arange(60) + NOISE)
    assert result.status is Status.SKIPPED and result.observed is not None
    assert result.observed.value == pytest.approx(14, abs=0.3)
    low, high = (result.reason.params[name] for name in ("low", "high"))
    assert isinstance(low, float) and isinstance(high, float) and low < 14.1 and high > 13.9 and high - low < 1


@pytest.mark.parametrize(("days", "status"), [(20, Status.UNKNOWN), (21, Status.SKIPPED)])
def test_twenty_days_are_too_few(days: int, status: Status) -> None:
    assert judged(100 + NOISE[:days]).status is status


def test_nothing_observed_and_nothing_asked_for() -> None:
    assert judged(None).status is Status.UNKNOWN
    [result] = judge_growth([], {}, TODAY, CapacityLimits(), NOW)
    assert result.status is Status.SKIPPED and result.observed is None


def test_a_kpi_that_is_zero_throughout_has_no_change_in_percent() -> None:
    result = judged(np.zeros(30))
    assert result.observed is not None and result.observed.value == 0
