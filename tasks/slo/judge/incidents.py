"""Whether incidents were resolved in time, and whether the cause of every minute down is known."""

from collections.abc import Sequence
from datetime import datetime

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.observation import Absent, Unobserved
from tasks.records.facts import Maintenance
from tasks.slo.budget.incidents import Incident, durations
from tasks.slo.budget.state import Known, ObjectiveState
from tasks.slo.checks import DOWNTIME, RESOLUTION
from tasks.slo.settings import Resolution
from tasks.slo.windows import Window

MOST_ROWS = 30
SUBJECT = "service"
_EVERY_CAUSE = msg("recorded cause for all downtime")


def judge_resolution(
    objective: Resolution,
    incidents: Sequence[Incident],
    uptime: Known,
    window: Window,
    source: Message,
    now: datetime,
) -> CheckResult:
    """The share of the window's incidents that were resolved in time; an ongoing one counts once it is late.

    No incident is only good news where uptime was measured: else nobody would have seen one.
    """
    subject = f"objective:{objective.name}"
    limit = Limit("≥", round(100 * objective.target, 6), "%", source)
    mine = [i for i in incidents if i.spans(window.start, window.as_of)]
    if not mine:
        if not isinstance(uptime, ObjectiveState) or not uptime.sure:
            reason = msg("No outage is recorded, but too little uptime was measured to rule one out")
            return RESOLUTION.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit)
        none = msg("No outage was recorded or measured")
        return RESOLUTION.judged(Status.PASS, subject, none, at=now, observed=Quantity(100.0, "%"), limit=limit)
    took = [i.minutes(window.as_of) for i in mine]
    # An ongoing one is late as soon as its time is over, and not in time before that.
    done = [(i, m) for i, m in zip(mine, took, strict=True) if i.ended_at is not None or m >= objective.within_min]
    evidence = _distribution(objective, mine, window.as_of, uptime)
    if not done:
        going = msg("An incident has been ongoing since {since}", since=moment(mine[0].started_at))
        return RESOLUTION.judged(Status.UNKNOWN, subject, going, at=now, limit=limit, evidence=evidence)
    good = sum(i.ended_at is not None and m < objective.within_min for i, m in done)
    share = good / len(done)
    observed = Quantity(round(100 * share, 6), "%")
    if (
        share >= objective.target
        and not isinstance(uptime, Absent)
        and not (isinstance(uptime, ObjectiveState) and uptime.sure)
    ):
        unseen = msg(
            "{good} of {n} known incidents were resolved within {limit} min, but too little uptime was measured to "
            "rule out others",
            good=good,
            n=len(done),
            limit=objective.within_min,
        )
        return RESOLUTION.judged(
            Status.UNKNOWN, subject, unseen, at=now, observed=observed, limit=limit, evidence=evidence
        )
    status = Status.PASS if share >= objective.target else Status.FAIL
    reason = msg(
        "{good} of {n} incidents were resolved within {limit} min; the longest took {longest} min",
        good=good,
        n=len(done),
        limit=objective.within_min,
        longest=round(max(took), 1),
    )
    return RESOLUTION.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def judge_downtime(
    uptime: Known,
    incidents: Sequence[Incident],
    window: Window,
    now: datetime,
    maintenance: Sequence[Maintenance] = (),
) -> CheckResult:
    """Measured and recorded downtime with its causes; unrecorded causes have to be found.

    The minutes are those that uptime counts as down, and no others: an incident lasts over its good minutes too.
    """
    if isinstance(uptime, Absent):
        return DOWNTIME.judged(Status.SKIPPED, SUBJECT, uptime.reason, at=now)
    limit = Limit("=", 0, "min", _EVERY_CAUSE)
    if isinstance(uptime, Unobserved):
        return DOWNTIME.judged(Status.UNKNOWN, SUBJECT, uptime.reason, at=now, limit=limit)
    mine = [i for i in incidents if i.spans(window.start, window.as_of)]
    evidence = (*((_causes(mine, window.as_of, uptime),) if mine else ()), *_planned(maintenance, window))
    unexplained = [i for i in mine if not i.recorded]
    minutes = uptime.bad_in(*unexplained)
    observed = Quantity(minutes, "min")
    if unexplained:
        reason = msg(
            "{minutes} min of downtime in {n} incidents without a recorded cause: run `rounds record outage`",
            minutes=minutes,
            n=len(unexplained),
        )
        return DOWNTIME.judged(Status.WARN, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)
    if uptime.doubt is not None:
        return DOWNTIME.judged(
            Status.UNKNOWN, SUBJECT, uptime.doubt, at=now, observed=observed, limit=limit, evidence=evidence
        )
    if not uptime.known:
        few = msg(
            "Only {measured} of {expected} minutes were measured",
            measured=uptime.counted.measured_min,
            expected=uptime.counted.expected_min,
        )
        return DOWNTIME.judged(Status.UNKNOWN, SUBJECT, few, at=now, limit=limit, evidence=evidence)
    down = msg("{minutes} min of downtime, all with a recorded cause", minutes=uptime.counted.bad)
    reason = down if mine else msg("No downtime")
    return DOWNTIME.judged(Status.PASS, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _causes(incidents: Sequence[Incident], as_of: datetime, uptime: Known) -> Evidence:
    rows = tuple(_cause(incident, as_of, uptime) for incident in incidents[:MOST_ROWS])
    if len(incidents) > MOST_ROWS:
        rows += ((msg("{n} more", n=len(incidents) - MOST_ROWS), "", "", "", "", ""),)
    columns = (
        msg("From"),
        msg("To"),
        msg("Duration, min"),
        msg("Module"),
        msg("Cause"),
        msg("Minutes down in the window"),
    )
    return Table(msg("Downtime and its causes"), columns, rows)


def _planned(maintenance: Sequence[Maintenance], window: Window) -> tuple[Evidence, ...]:
    """The maintenance windows, and of late ones why they are late."""
    mine = [m for m in maintenance if m.starts_at < window.as_of and m.ends_at > window.start]
    rows: tuple[tuple[Scalar | Message, ...], ...] = tuple(
        (
            moment(m.starts_at),
            moment(m.ends_at),
            m.module or msg("the whole service"),
            m.reason,
            moment(m.declared_at),
            m.declared_by,
            msg("late: {why}", why=m.late_reason) if m.late else "",
        )
        for m in mine[:MOST_ROWS]
    )
    if len(mine) > MOST_ROWS:
        rows += ((msg("{n} more", n=len(mine) - MOST_ROWS), "", "", "", "", "", ""),)
    columns = (
        msg("From"),
        msg("To"),
        msg("Module"),
        msg("Reason"),
        msg("Registered at"),
        msg("Registered by"),
        msg("Note"),
    )
    return (Table(msg("Maintenance windows"), columns, rows),) if rows else ()


def _cause(incident: Incident, as_of: datetime, uptime: Known) -> tuple[Scalar | Message, ...]:
    return (
        moment(incident.started_at),
        msg("ongoing") if incident.ended_at is None else moment(incident.ended_at),
        round(incident.minutes(as_of), 1),
        ", ".join(incident.modules) or msg("the whole service"),
        "; ".join(incident.causes) or msg("not recorded"),
        uptime.bad_in(incident) if isinstance(uptime, ObjectiveState) else None,
    )


def _distribution(
    objective: Resolution, incidents: Sequence[Incident], as_of: datetime, uptime: Known
) -> tuple[Evidence, ...]:
    took = durations([i.minutes(as_of) for i in incidents if i.ended_at is not None])
    late = [i for i in incidents if i.ended_at is None]
    within = sum(i.ended_at is not None and i.minutes(as_of) < objective.within_min for i in incidents)
    rows: tuple[tuple[Message, Scalar | Message], ...] = (
        (msg("Resolved incidents"), took.n),
        (msg("Ongoing incidents"), len(late)),
        (msg("Median, min"), took.median_min),
        (msg("p90, min"), msg("– (needs 10 values)") if took.p90_min is None else round(took.p90_min, 1)),
        (msg("Longest, min"), None if took.longest_min is None else round(took.longest_min, 1)),
        (msg("Resolved within {limit} min", limit=objective.within_min), within),
    )
    return (Table(msg("Incident durations"), (msg("Figure"), msg("Value")), rows), _causes(incidents, as_of, uptime))
