"""Whether there were enough deploys in every full week, and other figures from the deploy records."""

from collections.abc import Sequence
from datetime import datetime

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.records.dora import Changes
from tasks.slo.budget.incidents import durations
from tasks.slo.checks import DEPLOYS
from tasks.slo.settings import DeployFrequency

UNIT = "/w"
"""Deploys a week."""


def judge_deploys(
    objective: DeployFrequency, seen: Changes, source: Message, now: datetime, *, ever: bool
) -> CheckResult:
    """Deploys per full week; `ever` is False when no deploy and no version was ever recorded."""
    subject = f"objective:{objective.name}"
    limit = Limit("≥", objective.per_week, UNIT, source)
    if not ever:
        reason = msg(
            "No deploy is recorded: run `rounds record deploy`, or set [health] report, which shows the version"
        )
        return DEPLOYS.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit)
    whole = [week for week in seen.weeks if not week.partial]
    evidence = (_weeks(seen), _changes(seen))
    if not whole:
        reason = msg("The window contains no full week yet")
        return DEPLOYS.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit, evidence=evidence)
    total = sum(week.deploys for week in whole)
    rate = total / len(whole)
    short = [week.key for week in whole if week.deploys < objective.per_week]
    if rate < objective.per_week:
        status, reason = Status.FAIL, _counted(total, len(whole))
    elif short:
        status = Status.WARN
        reason = msg(
            "{n} deploys in {weeks} full weeks, but too few in {short}",
            n=total,
            weeks=len(whole),
            short=", ".join(short),
        )
    else:
        status, reason = Status.PASS, _counted(total, len(whole))
    observed = Quantity(round(rate, 3), UNIT)
    return DEPLOYS.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _counted(total: int, weeks: int) -> Message:
    return msg("{n} deploys in {weeks} full weeks", n=total, weeks=weeks)


def _weeks(seen: Changes) -> Evidence:
    rows = tuple(
        (week.key, week.deploys, msg("incomplete week: not judged") if week.partial else "") for week in seen.weeks
    )
    return Table(msg("Deploys by week"), (msg("Week"), msg("Successful deploys"), msg("Note")), rows)


def _changes(seen: Changes) -> Evidence:
    share = seen.failure_share
    rows: list[tuple[Message, Scalar | Message]] = [
        (msg("Successful deploys"), seen.succeeded),
        (msg("Failed or rolled back"), seen.failed),
        (msg("Inferred from a new version"), seen.inferred),
        (msg("Change failure rate, %"), None if share is None else round(100 * share, 1)),
        *_took(msg("Lead time from commit to the end of the deploy, min (median of {n})", n=len(seen.lead_min)),
               seen.lead_min),
        *_took(msg("Recovery time of failed deploys, min (median of {n})", n=len(seen.recovery_min)),
               seen.recovery_min),
        (msg("Failed deploys not followed by a success"), seen.unrecovered),
    ]  # fmt: skip
    return Table(msg("Deploys and changes"), (msg("Figure"), msg("Value")), tuple(rows))


def _took(label: Message, minutes: Sequence[float]) -> list[tuple[Message, Scalar | Message]]:
    took = durations(minutes)
    rows: list[tuple[Message, Scalar | Message]] = [
        (label, None if took.median_min is None else round(took.median_min, 1))
    ]
    if took.longest_min is not None:
        p90 = msg("– (needs 10 values)") if took.p90_min is None else round(took.p90_min, 1)
        rows += [(msg("p90, min"), p90), (msg("Longest, min"), round(took.longest_min, 1))]
    return rows
