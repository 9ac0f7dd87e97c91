"""Whether incidents came back: the same module and cause, or an incident that follows an old one. Pure."""

from collections import Counter
from datetime import timedelta

from tasks.check_result import CheckResult, Limit, Quantity, Status, Table, moment, msg
from tasks.incidents.checks import REPEATS
from tasks.incidents.facts import EntryKind, Incident, IncidentRecord
from tasks.incidents.judge.review import MOST_ROWS, SUBJECT, Reviewed, named, nothing_known, place
from tasks.incidents.limits import IncidentLimits

_SOURCE = msg("no incident comes back")


def judge_repeats(reviewed: Reviewed, limits: IncidentLimits) -> CheckResult:
    """The incidents of the period that are repeats, and how many each module had."""
    now, mine = reviewed.now, reviewed.detected
    limit = Limit("=", 0, "", _SOURCE)
    if not mine:
        if (why := nothing_known(reviewed)) is not None:
            return REPEATS.judged(Status.UNKNOWN, SUBJECT, why, at=now, limit=limit)
        none = msg("No incident was detected in the period, and uptime was measured")
        return REPEATS.judged(Status.PASS, SUBJECT, none, at=now, observed=Quantity(0), limit=limit)
    found = [(record, before) for record in mine if (before := _before(record, reviewed, limits)) is not None]
    evidence = (*((_repeats(found),) if found else ()), _modules(mine))
    observed = Quantity(len(found))
    if found:
        reason = msg(
            "{n} of {all} incidents were seen before in the last {days} days",
            n=len(found),
            all=len(mine),
            days=limits.repeat_days,
        )
        return REPEATS.judged(Status.WARN, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)
    unnamed = sum(not record.incident.cause for record in mine)
    if unnamed:
        unknown = msg("The cause of {n} of {all} incidents is not recorded yet", n=unnamed, all=len(mine))
        return REPEATS.judged(
            Status.UNKNOWN, SUBJECT, unknown, at=now, observed=observed, limit=limit, evidence=evidence
        )
    if silent := _without_cause(mine, reviewed, limits):
        unknown = msg(
            "Earlier incidents in the same module have no cause on record yet: {incidents}",
            incidents=", ".join(map(named, silent)),
        )
        return REPEATS.judged(
            Status.UNKNOWN, SUBJECT, unknown, at=now, observed=observed, limit=limit, evidence=evidence
        )
    if (why := nothing_known(reviewed)) is not None:
        return REPEATS.judged(Status.UNKNOWN, SUBJECT, why, at=now, observed=observed, limit=limit, evidence=evidence)
    reason = msg("Each of {all} incidents had a cause of its own", all=len(mine))
    return REPEATS.judged(Status.PASS, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _before(record: IncidentRecord, reviewed: Reviewed, limits: IncidentLimits) -> Incident | None:
    """The newest incident that this one repeats; itself where it was reopened."""
    incident = record.incident
    earlier = _earlier(incident, reviewed, limits)
    same = [other for other in earlier if other.id == incident.follows or _same(other, incident)]
    if same:
        return max(same, key=_order)
    return incident if any(entry.kind is EntryKind.REOPENED for entry in record.timeline) else None


def _without_cause(records: list[IncidentRecord], reviewed: Reviewed, limits: IncidentLimits) -> list[Incident]:
    """The incidents without a cause that one of these may have repeated."""
    before = [
        other
        for record in records
        for other in _earlier(record.incident, reviewed, limits)
        if not other.cause and other.module == record.incident.module
    ]
    return list(dict.fromkeys(before))[:MOST_ROWS]


def _earlier(incident: Incident, reviewed: Reviewed, limits: IncidentLimits) -> list[Incident]:
    """The incidents that this one may repeat."""
    since = incident.detected_at - timedelta(days=limits.repeat_days)
    return [
        other.incident
        for other in reviewed.counted
        if since <= other.incident.detected_at and _order(other.incident) < _order(incident)
    ]


def _order(incident: Incident) -> tuple[float, int]:
    return incident.detected_at.timestamp(), incident.id


def _same(one: Incident, other: Incident) -> bool:
    return bool(one.cause) and (one.module, _words(one.cause)) == (other.module, _words(other.cause))


def _words(cause: str) -> str:
    return " ".join(cause.casefold().split()).rstrip(".。")


def _repeats(found: list[tuple[IncidentRecord, Incident]]) -> Table:
    rows = tuple(
        (
            named(record.incident),
            moment(record.incident.detected_at),
            place(record.incident.module),
            record.incident.cause or msg("not recorded"),
            msg("reopened") if before is record.incident else named(before),
        )
        for record, before in found[:MOST_ROWS]
    )
    columns = (msg("Incident"), msg("Detected"), msg("Module"), msg("Cause"), msg("Seen before as"))
    return Table(msg("Repeated incidents"), columns, rows)


def _modules(records: list[IncidentRecord]) -> Table:
    counts = Counter(record.incident.module for record in records)
    rows = tuple((place(module), n) for module, n in counts.most_common(MOST_ROWS))
    return Table(msg("Incidents by module"), (msg("Module"), msg("Incidents")), rows)
