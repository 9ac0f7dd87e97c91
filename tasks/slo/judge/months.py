"""The figures of a frozen month as one text with a hash, and what differs between two of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.periods import Period
from tasks.slo.budget.state import Known, ObjectiveState
from tasks.slo.checks import CLOSED_MONTH
from tasks.slo.judge.objectives import subject_of
from tasks.slo.review import Review
from tasks.slo.settings import DeployFrequency
from tasks.slo.sli.minutes import Tally

MONTH, REVISION, DIGEST = msg("Month"), msg("Revision"), msg("SHA-256 of the figures")
"""What the evidence of a frozen month calls these; `rounds db verify` reads them there."""

_LOST = 0.01
"""A share of the month that is more than a corrected record moves."""

SHOWN = 12
"""So many digits of a hash are shown; the evidence has all of them."""


@dataclass(frozen=True, slots=True)
class FrozenMonth:
    """A frozen month in the history: `differences` to the previous revision if this run made a new one.

    `less` is true when less is measured now than when the month was frozen: then the frozen figures still apply.
    """

    revision: int
    digest: str
    frozen_at: datetime
    differences: tuple[tuple[str, Scalar, Scalar], ...] = ()
    less: bool = False


def month_figures(period: Period, timezone: str, review: Review, environment: str) -> dict[str, Any]:
    """What is frozen: counts and their limits, no verdicts and nothing that depends on the time of the run."""
    incidents = [i for i in review.incidents if i.spans(period.start, period.end)]
    deploys = {o.name: review.deploys(o, environment) for o in review.objectives if isinstance(o, DeployFrequency)}
    return {
        "month": period.key,
        "timezone": timezone,
        "from": moment(period.start),
        "to": moment(period.end),
        "objectives": {
            subject_of(objective).removeprefix("objective:"): _figures(seen) for objective, seen in review.measured
        },
        "incidents": {moment(i.started_at): None if i.ended_at is None else moment(i.ended_at) for i in incidents},
        "deploys": {name: {"succeeded": d.succeeded, "failed": d.failed} for name, d in deploys.items()},
    }


def _figures(seen: Known) -> dict[str, Any] | None:
    if not isinstance(seen, ObjectiveState):
        return None
    return {
        "target": seen.objective.target,
        "window": seen.objective.window,
        **_counts(seen.counted, ""),
        **_counts(seen.with_maintenance, "_with_maintenance"),
    }


def _counts(tally: Tally, ending: str) -> dict[str, int]:
    return {
        f"good{ending}": tally.good,
        f"all{ending}": tally.total,
        f"measured_min{ending}": tally.measured_min,
        f"expected_min{ending}": tally.expected_min,
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[tuple[str, Scalar, Scalar], ...]:
    """Every figure that differs, by its path; one that is not there is None."""
    old, new = dict(_flat(before)), dict(_flat(after))
    return tuple(
        (path, old.get(path), new.get(path)) for path in sorted({*old, *new}) if old.get(path) != new.get(path)
    )


def is_less(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """True when much less of an objective that is still there is measured than before: data was lost meanwhile."""
    now = after.get("objectives", {})
    return any(
        name in now and _coverage(now[name]) < _coverage(figures) - _LOST
        for name, figures in before.get("objectives", {}).items()
    )


def _coverage(figures: Mapping[str, Any] | None) -> float:
    if figures is None or not figures["expected_min_with_maintenance"]:
        return 0.0
    return float(figures["measured_min_with_maintenance"] / figures["expected_min_with_maintenance"])


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Scalar]]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", value


def not_frozen(doubt: Message, period: Period, now: datetime) -> CheckResult:
    """A month whose figures are not sure to be whole: they are shown, and not frozen."""
    return CLOSED_MONTH.judged(Status.UNKNOWN, f"month:{period.key}", doubt, at=now)


def judge_month(frozen: FrozenMonth, period: Period, now: datetime) -> CheckResult:
    """Whether the figures are those that were frozen; a correction is a new revision, and says what changed."""
    limit = Limit("=", frozen.digest[:SHOWN], "", msg("frozen figures of {month}", month=period.key))
    observed = Quantity(frozen.digest[:SHOWN])
    rows: tuple[tuple[str | Any, Scalar], ...] = (
        (MONTH, period.key),
        (REVISION, frozen.revision),
        (msg("Frozen at"), moment(frozen.frozen_at)),
        (DIGEST, frozen.digest),
    )
    evidence: list[Table] = [Table(msg("Frozen figures"), (msg("Figure"), msg("Value")), rows)]
    if frozen.differences:
        columns = (msg("Figure"), msg("Before"), msg("Now"))
        evidence.append(Table(msg("Changed figures"), columns, frozen.differences))
    if frozen.less:
        reason = msg(
            "Less data is available than when the month was frozen: revision {revision} still applies",
            revision=frozen.revision,
        )
        status = Status.WARN
    elif frozen.differences:
        status = Status.WARN
        reason = msg(
            "{n} figures were corrected: frozen as revision {revision}",
            n=len(frozen.differences),
            revision=frozen.revision,
        )
    else:
        status = Status.PASS
        reason = msg("Frozen as revision {revision} at {at}", revision=frozen.revision, at=moment(frozen.frozen_at))
    return CLOSED_MONTH.judged(
        status, f"month:{period.key}", reason, at=now, observed=observed, limit=limit, evidence=tuple(evidence)
    )
