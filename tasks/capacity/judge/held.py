"""The load that the service was seen to hold, from its load tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.capacity.limits import CapacityLimits
from tasks.check_result import moment, msg
from tasks.load.facts import JudgedRun, LoadVerdict, RouteStats, StepStats
from tasks.observation import Absent, Unobserved

_SAME = 1.001
"""Figures that differ by less are the same one, added up in another order."""


@dataclass(frozen=True, slots=True)
class HeldLoad:
    """The highest load that met the SLO, in successful requests/s, of all requests and of each module.

    `at_least`: the test did not look for the limit, which may be far above. `synthetic`: the test is generated.
    """

    at: datetime
    users: int
    per_second: float
    modules: Mapping[str, float]
    at_least: bool
    synthetic: bool


def held_load(runs: Sequence[JudgedRun], as_of: datetime, limits: CapacityLimits) -> HeldLoad | Unobserved | Absent:
    """The load held in the newest valid test that looked for the limit, else in the newest valid one of several loads.

    `runs` are newest first. Absent without any valid test; Unobserved for one that is too old, has one load only or
    held nothing.
    """
    valid = [judged for judged in runs if judged.verdict is not LoadVerdict.INVALID]
    if not valid:
        return Absent(msg("No tested load is known: run a load test"))
    sought = [judged for judged in valid if judged.run.seeks_limit]
    ramped = [judged for judged in valid if judged.run.has_several_loads]
    judged = next(iter((*sought, *ramped, *valid)))
    run, capacity = judged.run, judged.capacity_per_second
    if as_of - run.at > timedelta(days=limits.max_load_test_days):
        days = limits.max_load_test_days
        return Unobserved(msg("The last load test of {at} is older than {days} days", at=moment(run.at), days=days))
    if not run.has_several_loads:
        return Unobserved(msg("The load test of {at} has one load only: capacity needs several", at=moment(run.at)))
    if capacity is None:
        return Unobserved(msg("No step of the load test of {at} met the SLO", at=moment(run.at)))
    held = [step for step in run.steps if step.measured_s and _rate(step.whole, step) <= capacity * _SAME]
    if not held:
        return Unobserved(msg("No step of the load test of {at} met the SLO", at=moment(run.at)))
    step = max(held, key=lambda step: _rate(step.whole, step))
    modules = {stats.module: _rate(stats, step) for stats in step.modules}
    return HeldLoad(run.at, step.users, capacity, modules, not run.seeks_limit, run.synthetic)


def _rate(stats: RouteStats, step: StepStats) -> float:
    return stats.succeeded.count / step.measured_s
