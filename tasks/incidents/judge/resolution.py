"""Whether a month's incidents were resolved in time, and how long they took. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.incidents.checks import RESOLUTION
from tasks.incidents.facts import IncidentRecord
from tasks.incidents.judge.review import MOST_ROWS, SUBJECT, Reviewed, nothing_known, place, state_word
from tasks.slo.budget.incidents import Durations, durations
from tasks.slo.settings import Resolution

_MINUTE = timedelta(minutes=1)


def judge_resolution(reviewed: Reviewed, objective: Resolution, source: Message) -> CheckResult:
    """The share of the incidents that were resolved in time: those detected in the period, or before and still open.

    One that goes on is late as soon as its time is over, and neither late nor in time before that; its duration is in
    no distribution.
    """
    limit = Limit("≥", round(100 * objective.target, 6), "%", source)
    mine, now = reviewed.known, reviewed.now
    if not mine:
        if (why := nothing_known(reviewed)) is not None:
            return RESOLUTION.judged(Status.UNKNOWN, SUBJECT, why, at=now, limit=limit)
        none = msg("No incident was detected in the period, and uptime was measured")
        return RESOLUTION.judged(Status.PASS, SUBJECT, none, at=now, observed=Quantity(100.0, "%"), limit=limit)
    took = [_minutes(r.incident.detected_at, r.incident.resolved_at or now) for r in mine]
    done = [
        (record, minutes)
        for record, minutes in zip(mine, took, strict=True)
        if record.incident.resolved_at is not None or minutes >= objective.within_min
    ]
    evidence = _evidence(mine, took, objective.within_min)
    if not done:
        going = msg("An incident has been ongoing since {since}", since=moment(mine[0].incident.detected_at))
        return RESOLUTION.judged(Status.UNKNOWN, SUBJECT, going, at=now, limit=limit, evidence=evidence)
    good = sum(r.incident.resolved_at is not None and minutes < objective.within_min for r, minutes in done)
    ongoing = sum(record.incident.resolved_at is None for record in mine)
    share = good / len(done)
    reason = msg(
        "{good} of {n} incidents were resolved within {limit} min; the longest took {longest} min; ongoing: {ongoing}",
        good=good,
        n=len(done),
        limit=objective.within_min,
        longest=round(max(took), 1),
        ongoing=ongoing,
    )
    observed = Quantity(round(100 * share, 6), "%")
    if share >= objective.target and (why := nothing_known(reviewed)) is not None:
        return RESOLUTION.judged(
            Status.UNKNOWN, SUBJECT, why, at=now, observed=observed, limit=limit, evidence=evidence
        )
    status = Status.PASS if share >= objective.target else Status.FAIL
    return RESOLUTION.judged(status, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _minutes(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start) / _MINUTE)


def _evidence(records: Sequence[IncidentRecord], took: Sequence[float], within: float) -> tuple[Evidence, ...]:
    incidents = [record.incident for record in records]
    answered = [_minutes(i.detected_at, i.acknowledged_at) for i in incidents if i.acknowledged_at is not None]
    resolved = [m for i, m in zip(incidents, took, strict=True) if i.resolved_at is not None]
    rows: tuple[tuple[Scalar | Message, ...], ...] = (
        (msg("Incidents"), len(incidents), len(incidents)),
        (msg("with this time"), len(answered), len(resolved)),
        *_distribution(durations(answered), durations(resolved)),
        (
            msg("Share under {limit} min", limit=within),
            _share(sum(m < within for m in answered), len(answered)),
            _share(sum(m < within for m in resolved), len(resolved)),
        ),
    )
    columns = (msg("Figure"), msg("Detection to acknowledgement"), msg("Detection to resolution"))
    return (Table(msg("Incident durations"), columns, rows), _list(records, took))


def _distribution(answered: Durations, resolved: Durations) -> tuple[tuple[Scalar | Message, ...], ...]:
    few = msg("– (needs 10 values)")
    return (
        (msg("Median, min"), _rounded(answered.median_min), _rounded(resolved.median_min)),
        (
            msg("p90, min"),
            few if answered.p90_min is None else round(answered.p90_min, 1),
            few if resolved.p90_min is None else round(resolved.p90_min, 1),
        ),
        (msg("Longest, min"), _rounded(answered.longest_min), _rounded(resolved.longest_min)),
    )


def _list(records: Sequence[IncidentRecord], took: Sequence[float]) -> Table:
    rows: tuple[tuple[Scalar | Message, ...], ...] = tuple(
        (
            r.incident.id,
            moment(r.incident.detected_at),
            msg("ongoing") if r.incident.resolved_at is None else moment(r.incident.resolved_at),
            round(minutes, 1),
            place(r.incident.module),
            int(r.incident.severity),
            state_word(r.incident.state),
            r.incident.title,
        )
        for r, minutes in list(zip(records, took, strict=True))[:MOST_ROWS]
    )
    if len(records) > MOST_ROWS:
        rows += ((None, msg("{n} more", n=len(records) - MOST_ROWS), "", None, "", None, "", ""),)
    columns = (
        msg("No."),
        msg("Detected"),
        msg("Resolved"),
        msg("Duration, min"),
        msg("Module"),
        msg("Level"),
        msg("State"),
        msg("Incident"),
    )
    return Table(msg("Incidents"), columns, rows)


def _rounded(minutes: float | None) -> float | None:
    return None if minutes is None else round(minutes, 1)


def _share(part: int, whole: int) -> str | None:
    return f"{100 * part / whole:.0f} %" if whole else None
