"""Burn rates that alert, stay quiet, or are unknown."""

from datetime import UTC, datetime
from typing import Any

from tasks.check_result import CheckResult, Status, msg
from tasks.observation import Absent, Unobserved
from tasks.slo.budget.burn import BurnState
from tasks.slo.judge.burn import judge_burn
from tasks.slo.settings import Alerts
from tests.tasks.slo.figures import availability, events, minutes_up, state, uptime, window

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def burn(objective: Any, bad_of_last: dict[int, tuple[int, int]], **alerts: Any) -> CheckResult:
    """72 hours of 10 requests a minute; `bad_of_last` gives (minutes back from the end, length): bad a minute."""
    total = [10] * (72 * 60)
    good = list(total)
    for start, (length, bad) in bad_of_last.items():
        for minute in range(len(total) - start, len(total) - start + length):
            good[minute] = 10 - bad
    seen = state(objective, events(good, total), window(30, 3), **alerts)
    return judge_burn(objective, seen, Alerts(**alerts), NOW)


def test_quiet_and_paging_and_over_again() -> None:
    assert burn(availability(), {}).status is Status.PASS
    paging = burn(availability(), {5: (5, 10)})
    assert (paging.status, paging.reason.params["factor"]) == (Status.FAIL, 14.4)
    # It was as bad an hour ago, and is over: the short window is good again.
    assert burn(availability(), {59: (5, 10)}).status is not Status.FAIL


def test_just_under_at_and_over_the_factor() -> None:
    """Of 600 requests in an hour, 14.4 times 0.1 % are 8.64."""
    assert burn(availability(), {5: (4, 2)}).status is Status.PASS
    assert burn(availability(), {5: (5, 2)}).status is Status.FAIL


def test_a_slow_burn_is_a_ticket() -> None:
    """1.2 times as fast as allowed for 72 hours."""
    total = [100] * (72 * 60)
    good = [100 - (minute % 100 < 12) for minute in range(len(total))]
    seen = state(availability(), events(good, total), window(30, 3))
    result = judge_burn(availability(), seen, Alerts(), NOW)
    assert (result.status, result.reason.params["hours"]) == (Status.WARN, 72)


def test_too_little_traffic_is_neither_quiet_nor_an_alert() -> None:
    few = [1 if minute % 6 == 0 else 0 for minute in range(72 * 60)]
    seen = state(availability(), events(few, few), window(30, 3))
    result = judge_burn(availability(), seen, Alerts(), NOW)
    assert (result.status, result.reason.params["total"]) == (Status.UNKNOWN, 10)
    one_bad = burn(availability(), {2: (1, 9)}, min_bad=10)
    assert (one_bad.status, one_bad.reason.params["bad"]) == (Status.UNKNOWN, 9)
    assert burn(availability(), {2: (1, 9)}, min_bad=9).status is Status.FAIL  # as many as are needed are enough


def test_hours_that_were_not_measured_are_not_quiet() -> None:
    seen = state(uptime(), minutes_up(72 * 60, unmeasured=[(72 * 60 - 10, 72 * 60)]), window(30, 3))
    result = judge_burn(uptime(), seen, Alerts(), NOW)
    assert result.status is Status.UNKNOWN and seen.burns[0].state is BurnState.NOT_MEASURED


def test_an_objective_that_alerts_nobody_is_skipped_and_doubt_is_not_quiet() -> None:
    assert burn(availability(alerts=False), {}).status is Status.SKIPPED
    seen = state(availability(), events([10] * 4320, [10] * 4320), window(30, 3), doubt=msg("a gap"))
    assert judge_burn(availability(), seen, Alerts(), NOW).status is Status.UNKNOWN
    assert judge_burn(availability(), Unobserved(msg("gone")), Alerts(), NOW).status is Status.UNKNOWN
    assert judge_burn(availability(), Absent(msg("none")), Alerts(), NOW).status is Status.SKIPPED
