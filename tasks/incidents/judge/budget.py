"""How much of the month's error budget incidents used, no minute counted twice. Pure."""

from collections.abc import Iterable, Sequence

from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.incidents.checks import BUDGET
from tasks.incidents.facts import IncidentRecord
from tasks.incidents.judge.review import MOST_ROWS, SUBJECT, Reviewed, named, nothing_known, place
from tasks.observation import Absent, Unobserved
from tasks.slo.budget.incidents import Incident as Downtime
from tasks.slo.budget.incidents import merged
from tasks.slo.budget.state import ObjectiveState
from tasks.slo.settings import Policy

_POLICY = msg("the error budget policy of [slo]")


def judge_budget(reviewed: Reviewed, policy: Policy) -> CheckResult:
    """The largest part of the uptime budget that one incident used.

    Bad minutes are those that uptime counts, clipped to the period; overlapping incidents share them, so that the sum
    has each of them once.
    """
    uptime, now = reviewed.uptime, reviewed.now
    limit = Limit("≤", round(100 * policy.incident_share, 6), "%", _POLICY)
    if isinstance(uptime, Absent):
        return BUDGET.judged(Status.SKIPPED, SUBJECT, uptime.reason, at=now)
    if isinstance(uptime, Unobserved):
        return BUDGET.judged(Status.UNKNOWN, SUBJECT, uptime.reason, at=now, limit=limit)
    mine = [record for record in reviewed.counted if _touches(record, reviewed)]
    if not mine:
        if (why := nothing_known(reviewed)) is not None:
            return BUDGET.judged(Status.UNKNOWN, SUBJECT, why, at=now, limit=limit)
        none = msg("No incident used any of the error budget")
        return BUDGET.judged(Status.PASS, SUBJECT, none, at=now, observed=Quantity(0.0, "%"), limit=limit)
    minutes = [budget_minutes(uptime, record) for record in mine]
    total = uptime.bad_in(*(span for record in mine for span in downtimes(record)))
    whole = 0.0 if uptime.budget is None else uptime.budget.whole
    shares = [100 * bad / whole if whole else 0.0 for bad in minutes]
    worst = max(range(len(mine)), key=lambda n: shares[n])
    evidence = (_table(mine, minutes, shares, total),)
    observed = Quantity(round(shares[worst], 1), "%")
    reason = msg(
        "Incidents used {total} min of the whole service's budget of {whole} min; incident {number} used the most, "
        "{share} %",
        total=total,
        whole=round(whole, 1),
        number=mine[worst].incident.id,
        share=round(shares[worst], 1),
    )
    if shares[worst] > 100 * policy.incident_share:
        return BUDGET.judged(Status.WARN, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)
    for record, bad in zip(mine, minutes, strict=True):
        unseen = uptime.unmeasured_in(*downtimes(record))
        if unseen and bad + unseen > policy.incident_share * whole:
            why = msg("Nobody measured {n} min of incident {number}", n=unseen, number=record.incident.id)
            return BUDGET.judged(
                Status.UNKNOWN, SUBJECT, why, at=now, observed=observed, limit=limit, evidence=evidence
            )
    if not uptime.sure:
        few = msg(
            "Only {measured} of {expected} minutes were measured",
            measured=uptime.counted.measured_min,
            expected=uptime.counted.expected_min,
        )
        unsure = uptime.doubt or few
        return BUDGET.judged(Status.UNKNOWN, SUBJECT, unsure, at=now, observed=observed, limit=limit, evidence=evidence)
    return BUDGET.judged(Status.PASS, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def downtimes(record: IncidentRecord) -> tuple[Downtime, ...]:
    """When an incident hurt, overlapping times as one: its outages, or all of it where nothing was down."""
    incident = record.incident
    cause = (incident.cause or incident.title,)
    modules = () if incident.module is None else (incident.module,)
    if not record.outages:
        return (Downtime(incident.impact_at, incident.resolved_at, cause, modules),)
    return merged(
        Downtime(outage.started_at, outage.ended_at, cause, () if outage.module is None else (outage.module,))
        for outage in record.outages
    )


def budget_minutes(uptime: ObjectiveState, record: IncidentRecord) -> int:
    """The bad minutes of uptime while an incident hurt."""
    return uptime.bad_in(*downtimes(record))


def _touches(record: IncidentRecord, reviewed: Reviewed) -> bool:
    return any(span.spans(reviewed.period.start, reviewed.as_of) for span in downtimes(record))


def _table(records: Sequence[IncidentRecord], minutes: Sequence[int], shares: Iterable[float], total: int) -> Table:
    rows: tuple[tuple[Scalar | Message, ...], ...] = tuple(
        (named(record.incident), place(record.incident.module), bad, round(share, 1))
        for record, bad, share in zip(records, minutes, shares, strict=True)
    )
    if len(rows) > MOST_ROWS:
        rows = (*rows[:MOST_ROWS], (msg("{n} more", n=len(records) - MOST_ROWS), "", None, None))
    columns = (
        msg("Incident"),
        msg("Module"),
        msg("Minutes the whole service was down in the month"),
        msg("Share of the budget, %"),
    )
    summed = msg("All, each minute once")
    return Table(msg("Error budget by incident"), columns, (*rows, (summed, "", total, None)))
