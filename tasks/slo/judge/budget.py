"""What the error budgets require of the team."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from tasks.check_result import (
    CheckResult,
    Curve,
    Evidence,
    Limit,
    Message,
    Quantity,
    Scalar,
    Status,
    Table,
    moment,
    msg,
)
from tasks.observation import Absent
from tasks.periods import day_period
from tasks.slo.budget.incidents import Incident
from tasks.slo.budget.policy import PolicyStep, policy_step
from tasks.slo.budget.state import Known, ObjectiveState
from tasks.slo.checks import BUDGET
from tasks.slo.judge.objectives import ends, subject_of
from tasks.slo.settings import Measured, Policy
from tasks.slo.windows import minute_of

SUBJECT = "service"
MOST_CURVES = 4
_SHORT_MIN = 3 * 24 * 60
_POLICY = msg("the error budget policy")
STEPS = {
    PolicyStep.NORMAL: msg("normal"),
    PolicyStep.CAUTION: msg("caution"),
    PolicyStep.POSTMORTEM: msg("postmortem due"),
    PolicyStep.EXHAUSTED: msg("stop releases"),
}


@dataclass(frozen=True, slots=True)
class _BudgetRow:
    """An objective's budget and its policy step; None where it is unknown."""

    objective: Measured
    state: ObjectiveState | None
    step: PolicyStep | None


def judge_budget(
    known: Sequence[tuple[Measured, Known]],
    incidents: Sequence[Incident],
    policy: Policy,
    zone: ZoneInfo,
    now: datetime,
) -> CheckResult:
    """The most severe step of any budget. An unknown budget never passes."""
    rows = [_row(objective, seen, incidents, policy) for objective, seen in known if not isinstance(seen, Absent)]
    if not rows:
        none = msg("No objective with an error budget has a data source")
        return BUDGET.judged(Status.SKIPPED, SUBJECT, none, at=now)
    limit = Limit(">", round(100 * policy.caution_below, 6), "%", _POLICY)
    budgets = [(row, row.state.budget) for row in rows if row.state is not None and row.step is not None]
    evidence = (_table(rows), *_curves(rows, zone))
    unknown = [row for row in rows if row.step is None]
    worst = max((row for row, _ in budgets), key=lambda row: (row.step or PolicyStep.NORMAL).rank, default=None)
    exhausted = worst is not None and worst.step is PolicyStep.EXHAUSTED
    if unknown and not exhausted:
        names = ", ".join(row.objective.name for row in unknown)
        reason = msg("The error budget of {names} is unknown", names=names)
        return BUDGET.judged(Status.UNKNOWN, SUBJECT, reason, at=now, limit=limit, evidence=evidence)
    assert worst is not None and worst.step is not None  # nothing is blind, and there are rows
    left = min(budget.left for _, budget in budgets if budget is not None)
    status = {PolicyStep.NORMAL: Status.PASS, PolicyStep.EXHAUSTED: Status.FAIL}.get(worst.step, Status.WARN)
    observed = Quantity(round(100 * left, 1), "%")
    reason = _reason(worst)
    return BUDGET.judged(status, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def least_left_percent(states: Iterable[ObjectiveState]) -> float | None:
    """The lowest remaining budget as it is shown; None if all are unknown."""
    left = [s.budget.left for s in states if s.budget is not None and (s.sure or s.is_certainly_overspent)]
    return round(100 * min(left), 1) if left else None


def _row(objective: Measured, seen: Known, incidents: Sequence[Incident], policy: Policy) -> _BudgetRow:
    if not isinstance(seen, ObjectiveState):
        return _BudgetRow(objective, None, None)
    if seen.budget is None or not (seen.known or seen.is_certainly_overspent):
        return _BudgetRow(objective, seen, None)
    worst = max((seen.taken_by(incident) for incident in incidents), default=0.0)
    step = policy_step(seen.budget.left, worst, policy)
    # What nobody saw can only have taken more of it.
    return _BudgetRow(objective, seen, step if seen.doubt is None or step is PolicyStep.EXHAUSTED else None)


def _reason(worst: _BudgetRow) -> Message:
    name = worst.objective.name
    match worst.step:
        case PolicyStep.EXHAUSTED:
            return msg("Error budget of {name} exhausted: stop all releases but fixes", name=name)
        case PolicyStep.POSTMORTEM:
            return msg("Error budget of {name} nearly spent, or largely spent by one incident: a postmortem is due",
                       name=name)  # fmt: skip
        case PolicyStep.CAUTION:
            return msg(
                "Much of the error budget of {name} is spent: have a second person review risky changes", name=name
            )
        case _:
            return msg("Every error budget is healthy: no restrictions")


def _table(rows: Sequence[_BudgetRow]) -> Evidence:
    columns = (
        msg("Objective"),
        msg("Policy step"),
        msg("Remaining, %"),
        msg("Spent of the elapsed share, %"),
        msg("Runs out"),
        msg("Target, %"),
        msg("SLI, %"),
        msg("Coverage, %"),
    )
    title = msg("Error budgets: remaining for the SLO window, and spent of the elapsed share")
    return Table(title, columns, tuple(_cells(row) for row in rows))


def _cells(row: _BudgetRow) -> tuple[Scalar | Message, ...]:
    name, target = subject_of(row.objective).removeprefix("objective:"), round(100 * row.objective.target, 6)
    seen = row.state
    if seen is None:
        return (name, None, None, None, None, target, None, None)
    share = seen.counted.share
    measured = (None if share is None else round(100 * share, 6), round(100 * seen.counted.coverage, 3))
    if (budget := seen.budget) is None:
        return (name, None, None, None, None, target, *measured)
    step = None if row.step is None else STEPS[row.step]
    left, so_far = round(100 * budget.left, 1), round(100 * budget.spent_so_far, 1)
    return (name, step, left, so_far, ends(budget), target, *measured)


def _curves(rows: Sequence[_BudgetRow], zone: ZoneInfo) -> tuple[Evidence, ...]:
    """The lowest budgets."""
    drawn = [
        (seen.budget.left, row.objective, seen)
        for row in rows
        if (seen := row.state) is not None and seen.budget is not None and seen.bad.size
    ]
    drawn.sort(key=lambda item: item[0])
    return tuple(_curve(objective, seen, zone) for _, objective, seen in drawn[:MOST_CURVES])


def _curve(objective: Measured, seen: ObjectiveState, zone: ZoneInfo) -> Evidence:
    """What was left of the whole window's budget at the end of each day, or each hour of a short window."""
    assert seen.budget is not None
    ends_at = _moments(seen, zone)
    left = 100 * (1 - seen.bad[np.array(ends_at) - 1] / seen.budget.whole)
    values = (
        round(float(value), 2) if seen.measured[start:end].any() else None
        for value, start, end in zip(left, [0, *ends_at], ends_at, strict=False)
    )
    even = (round(100 * (1 - place / seen.window.length_min), 2) for place in ends_at)
    return Curve(
        title=msg("Remaining error budget of {name}", name=objective.name),
        finding=_left(objective.name, seen.budget.left),
        unit="%",
        at=tuple(moment(seen.window.start_of(place)) for place in ends_at),
        values=tuple(values),
        limit=0.0,
        expected=tuple(even),
    )


def _left(name: str, share: float) -> Message:
    percent = round(100 * share, 1)
    if percent < 0:
        return msg("{name}: budget overspent by {over} %", name=name, over=-percent)
    return msg("{name}: {left} % of budget left", name=name, left=percent)


def _moments(seen: ObjectiveState, zone: ZoneInfo) -> list[int]:
    """Minutes of the window after which the curve has a point: local midnights or full hours, and its last."""
    size = int(seen.bad.size)
    if size <= _SHORT_MIN:
        first = -(-int(seen.window.start.timestamp()) // 3600) * 60 - minute_of(seen.window.start)
        return sorted({*(place for place in range(first, size, 60) if place > 0), size})
    day, places = day_period(seen.window.start.astimezone(zone).date(), zone), set[int]()
    while day.end < seen.window.as_of:
        places.add(minute_of(day.end) - minute_of(seen.window.start))
        day = day_period(day.end.astimezone(zone).date(), zone)
    return sorted({*places, size})
