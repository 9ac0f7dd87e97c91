"""False alarms in clean weeks, and how many slow routes are found: weeks of requests, counted as the logs are."""

import numpy as np
import pytest

from tasks.performance.facts import TYPICAL
from tasks.performance.limits import PerformanceLimits
from tasks.performance.routes import Change, compared
from tasks.performance.slowdown import holm, shift_of
from tests.tasks.performance.weeks import FULL, made_up, rollup, traffic

LIMITS = PerformanceLimits(min_effect_ms=0.0)
ROUTES = 60


def found(rng: np.random.Generator, slow: int | None) -> tuple[set[int], float]:
    """The routes that are called slower in a week, and the volume of the slow one."""
    study = made_up(rng, ROUTES, slow)
    routes = tuple(rollup("m", f"/{number}", study.bins[number]) for number in range(ROUTES))
    table = compared(traffic(routes), LIMITS)
    named = table[table["change"] == Change.SLOWER]["route"]
    return {int(route[1:]) for route in named}, 0.0 if slow is None else float(study.volumes[slow])


@pytest.mark.parametrize(
    ("weeks", "most_false", "least_found"),
    [pytest.param(4, 1, 2, id="4"), pytest.param(50, 2, 42, id="50", marks=[pytest.mark.deep, pytest.mark.study])],
)
def test_clean_weeks_are_quiet_and_slow_routes_are_found(weeks: int, most_false: int, least_found: int) -> None:
    rng = np.random.default_rng(12)
    alarms = sum(bool(found(rng, None)[0]) for _ in range(weeks))
    hits, missed, others = 0, [], 0
    for _ in range(weeks):
        slow = int(rng.integers(ROUTES))
        named, volume = found(rng, slow)
        hits += slow in named
        others += bool(named - {slow})
        if slow not in named:
            missed.append(round(volume))
    print(f"{weeks} weeks: {alarms} with a false alarm; {hits} of {weeks} slow routes found, missed {sorted(missed)}")
    assert alarms <= most_false and hits >= least_found and others <= most_false, (alarms, hits, others, missed)


def test_a_whole_week_that_is_a_little_slower_is_no_finding() -> None:
    study = made_up(np.random.default_rng(3), 20)
    routes = tuple(rollup("m", f"/{n}", bins) for n, bins in enumerate(study.bins))
    figures = np.stack([route.figures_ms[:, [TYPICAL]] for route in routes])
    figures[:, -1] *= 1.02
    shift = shift_of(figures, np.stack([route.days_ms[..., :1] for route in routes]))
    large = shift.change >= np.log1p(LIMITS.min_effect_percent / 100)
    assert not (large & shift.above & (shift.slower_p <= LIMITS.max_false_alarm_percent / 100)).any()


def test_an_erratic_route_is_compared_with_its_own_spread() -> None:
    steady = np.tile([100.0, 101, 99, 100, 100], (10, 1))
    erratic = np.array([[100.0, 135, 80, 110, 128]])
    weeks = np.concatenate([steady, erratic, [[100.0, 101, 99, 100, 128]]])[..., None]
    shift = shift_of(weeks, np.repeat(weeks[:, :, None], 7, axis=2))
    assert shift.slower_p[-1, 0] < 0.01 < shift.slower_p[-2, 0]
    assert shift.above[-1, 0] and not shift.above[-2, 0]


def test_one_week_before_is_too_few() -> None:
    weeks = np.full((3, 5, 1), np.nan)
    weeks[:, -2:] = 100.0
    shift = shift_of(weeks, np.full((3, 5, 7, 1), np.nan))
    assert (shift.slower_p == 1).all() and np.isnan(shift.change).all()


def test_a_single_route_with_two_weeks_needs_a_large_change() -> None:
    weeks = np.array([[[np.nan], [np.nan], [100.0], [102.0], [104.0]]])
    days = np.full((1, 5, 7, 1), np.nan)
    assert shift_of(weeks, days).slower_p[0, 0] > 0.1
    weeks[0, -1] = 400.0
    assert shift_of(weeks, days).slower_p[0, 0] < 0.02


def test_holm_by_hand() -> None:
    p = np.array([[0.01, 0.04], [0.03, 0.5]])
    tested = np.array([[True, True], [True, False]])
    assert np.allclose(holm(p, tested), [[0.03, 0.06], [0.06, 1.0]])


def test_few_weeks_few_requests_and_small_changes() -> None:
    study = made_up(np.random.default_rng(5), 3)
    bins = study.bins.copy()
    bins[0, -1] = 0
    bins[1, :4] = 0
    routes = tuple(rollup("m", f"/{n}", counts) for n, counts in enumerate(bins))
    changes = compared(traffic(routes), LIMITS).set_index("route")["change"]
    assert [changes[f"/{n}"] for n in range(3)] == [Change.FEW, Change.NEW, Change.SAME]
    alone = compared(traffic(routes, (0, 0, 0, 10_080, 10_080)), LIMITS).set_index("route")["change"]
    assert [alone[f"/{n}"] for n in range(3)] == [Change.FEW, Change.NEW, Change.NEW]
    assert np.isnan(compared(traffic(routes, (0, 0, 0, 0, FULL[0])), LIMITS)["usual_p95"]).all()
