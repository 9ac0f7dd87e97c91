"""Whether what incidents left to do is done: action items, and retrospectives of incidents and outages. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.incidents.checks import ACTIONS, RETROSPECTIVES
from tasks.incidents.facts import ActionItem, ActionKind, Incident, IncidentRecord
from tasks.incidents.judge.review import (
    MOST_ROWS,
    SUBJECT,
    Reviewed,
    named,
    nothing_known,
    place,
    review_due,
    when,
    working_days,
)
from tasks.incidents.limits import IncidentLimits
from tasks.records.facts import Outage
from tasks.slo.budget.incidents import Incident as Downtime
from tasks.slo.budget.incidents import merged

_DUE = msg("their due dates")
_WHOLE = ""
"""The whole service among modules."""
KINDS = {
    ActionKind.PERMANENT_FIX: msg("permanent fix"),
    ActionKind.PREVENTION: msg("prevention"),
    ActionKind.OTHER: msg("other"),
}


def judge_actions(reviewed: Reviewed) -> CheckResult:
    """The action items that were overdue; an overdue permanent fix fails, anything else warns."""
    now, limit = reviewed.now, Limit("=", 0, "", _DUE)
    items = [(r.incident, item) for r in reviewed.so_far for item in r.actions if _matters(item, reviewed)]
    if not items:
        if (why := nothing_known(reviewed)) is not None:
            return ACTIONS.judged(Status.UNKNOWN, SUBJECT, why, at=now, limit=limit)
        none = msg("There are no action items")
        return ACTIONS.judged(Status.PASS, SUBJECT, none, at=now, observed=Quantity(0), limit=limit)
    overdue = [item for _, item in items if _overdue(item, reviewed)]
    evidence = (_items(items, reviewed),)
    reason = msg(
        "Open action items: {open}, overdue: {overdue}",
        overdue=len(overdue),
        open=sum(_is_open(item, reviewed) for _, item in items),
    )
    status = Status.PASS
    if overdue:
        fixes = any(item.kind is ActionKind.PERMANENT_FIX for item in overdue)
        status = Status.FAIL if fixes else Status.WARN
    elif (why := nothing_known(reviewed)) is not None:
        status, reason = Status.UNKNOWN, why
    observed = Quantity(len(overdue))
    return ACTIONS.judged(status, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _is_open(item: ActionItem, reviewed: Reviewed) -> bool:
    return item.done_at is None or item.done_at > reviewed.known_at


def _matters(item: ActionItem, reviewed: Reviewed) -> bool:
    """True for what was open, or was done in the period."""
    return _is_open(item, reviewed) or (item.done_at is not None and item.done_at >= reviewed.period.start)


def _overdue(item: ActionItem, reviewed: Reviewed) -> bool:
    return _is_open(item, reviewed) and item.due < reviewed.known_at.astimezone(reviewed.zone).date()


def _items(items: Sequence[tuple[Incident, ActionItem]], reviewed: Reviewed) -> Table:
    ordered = sorted(items, key=lambda pair: (not _is_open(pair[1], reviewed), pair[1].due))
    rows: tuple[tuple[Scalar | Message, ...], ...] = tuple(
        (
            named(incident),
            item.text,
            KINDS[item.kind],
            item.owner,
            item.due.isoformat(),
            msg("overdue")
            if _overdue(item, reviewed)
            else msg("not done")
            if _is_open(item, reviewed)
            else msg("done"),
        )
        for incident, item in ordered[:MOST_ROWS]
    )
    if len(ordered) > MOST_ROWS:
        rows += ((msg("{n} more", n=len(ordered) - MOST_ROWS), "", "", "", "", ""),)
    columns = (msg("Incident"), msg("Action item"), msg("Kind"), msg("Owner"), msg("Due"), msg("State"))
    return Table(msg("Action items"), columns, rows)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A retrospective: of what, where, when that ended, until when it is due, and when it was written."""

    name: str | Message
    where: str | Message
    ended_at: datetime
    due: date
    written_at: datetime | None


def judge_retrospectives(reviewed: Reviewed, limits: IncidentLimits) -> CheckResult:
    """Missing and late retrospectives of what ended in the period or before; an outage without an incident has none."""
    now = reviewed.now
    limit = Limit("≤", limits.review_business_days, "d", msg("working days after the resolution"))
    wanted = [*_of_incidents(reviewed, limits), *_of_outages(reviewed, limits)]
    today = reviewed.known_at.astimezone(reviewed.zone).date()
    if not wanted:
        if (why := nothing_known(reviewed)) is not None:
            return RETROSPECTIVES.judged(Status.UNKNOWN, SUBJECT, why, at=now, limit=limit)
        none = msg("No retrospective was due")
        return RETROSPECTIVES.judged(Status.PASS, SUBJECT, none, at=now, observed=Quantity(0, "d"), limit=limit)
    missing = [w for w in wanted if w.written_at is None and w.due < today]
    late = [w for w in wanted if w.written_at is not None and w.written_at.astimezone(reviewed.zone).date() > w.due]
    waiting = sum(w.written_at is None for w in wanted) - len(missing)
    reason = msg(
        "Retrospectives: {missing} missing, {late} late, {waiting} not due yet, {good} in time",
        missing=len(missing),
        late=len(late),
        waiting=waiting,
        good=len(wanted) - len(missing) - len(late) - waiting,
    )
    status = Status.FAIL if missing else Status.WARN if late else Status.PASS
    if status is Status.PASS and (why := nothing_known(reviewed)) is not None:
        status, reason = Status.UNKNOWN, why
    longest = max(working_days(w.ended_at, w.written_at or reviewed.known_at, reviewed.zone) for w in wanted)
    evidence = (_retrospectives(wanted, missing, late),)
    observed = Quantity(longest, "d")
    return RETROSPECTIVES.judged(status, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _of_incidents(reviewed: Reviewed, limits: IncidentLimits) -> Iterator[_Wanted]:
    """Those of incidents that were resolved, unless the retrospective was written in time before the period."""
    for record in reviewed.so_far:
        incident, ended = record.incident, record.incident.resolved_at
        if ended is None or ended >= reviewed.known_at:
            continue
        written = incident.reviewed_at if incident.reviewed_at and incident.reviewed_at <= reviewed.known_at else None
        if ended < reviewed.period.start and written is not None and written < reviewed.period.start:
            continue
        due = review_due(ended, limits.review_business_days, reviewed.zone)
        yield _Wanted(named(incident), place(incident.module), ended, due, written)


def _of_outages(reviewed: Reviewed, limits: IncidentLimits) -> Iterator[_Wanted]:
    """Those of outages that ended in the period, are no incident's, and overlap none in which their module was down."""
    known = [span for record in reviewed.counted for span in _downtimes(record)]
    mine = {record.incident.id for record in reviewed.records}
    for down in merged(_downtime(o) for o in reviewed.outages if o.own_incident not in mine):
        ended = down.ended_at
        if ended is None or not reviewed.period.start <= ended < reviewed.as_of:
            continue
        then = {module for span in known if span.spans(down.started_at, ended) for module in span.modules}
        if _WHOLE not in then and (bare := [module for module in down.modules if module not in then]):
            due = review_due(ended, limits.review_business_days, reviewed.zone)
            name = msg("an outage without an incident")
            yield _Wanted(name, place(None if _WHOLE in bare else ", ".join(bare)), ended, due, None)


def _downtimes(record: IncidentRecord) -> Iterator[Downtime]:
    """When an incident was an outage: a slow service or a full disk is none."""
    incident = record.incident
    yield from map(_downtime, record.outages)
    if incident.down:
        yield Downtime(incident.impact_at, incident.resolved_at, (), (incident.module or _WHOLE,))


def _downtime(outage: Outage) -> Downtime:
    return Downtime(outage.started_at, outage.ended_at, (outage.cause,), (outage.module or _WHOLE,))


def _retrospectives(wanted: Sequence[_Wanted], missing: Sequence[_Wanted], late: Sequence[_Wanted]) -> Table:
    def state(one: _Wanted) -> Message:
        if one in missing:
            return msg("missing")
        return msg("late") if one in late else msg("in time") if one.written_at else msg("not due yet")

    rows: tuple[tuple[Scalar | Message, ...], ...] = tuple(
        (one.name, one.where, moment(one.ended_at), one.due.isoformat(), when(one.written_at), state(one))
        for one in wanted[:MOST_ROWS]
    )
    if len(wanted) > MOST_ROWS:
        rows += ((msg("{n} more", n=len(wanted) - MOST_ROWS), "", "", "", "", ""),)
    columns = (msg("Incident"), msg("Module"), msg("Resolved"), msg("Due"), msg("Written"), msg("State"))
    return Table(msg("Retrospectives"), columns, rows)
