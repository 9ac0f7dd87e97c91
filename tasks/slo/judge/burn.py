"""Whether an error budget burns too fast."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Status, Table, msg
from tasks.observation import Unobserved
from tasks.slo.budget.budget import detection_s
from tasks.slo.budget.burn import SHORT_OF_LONG, BurnState, BurnVerdict
from tasks.slo.budget.state import Known, ObjectiveState
from tasks.slo.checks import BURN
from tasks.slo.judge.objectives import subject_of
from tasks.slo.settings import Alerts, Measured

BURN_RATES: Final = msg("SRE workbook, chapter 5")


def judge_burn(objective: Measured, seen: Known, alerts: Alerts, now: datetime) -> CheckResult:
    """The burn rates of an objective at the end of the data."""
    subject = subject_of(objective)
    if not objective.alerts:
        reason = msg("Alerting is off (alerts = false)")
        return BURN.judged(Status.SKIPPED, subject, reason, at=now)
    if not isinstance(seen, ObjectiveState):
        status = Status.UNKNOWN if isinstance(seen, Unobserved) else Status.SKIPPED
        return BURN.judged(status, subject, seen.reason, at=now)
    status, shown, reason = _burning(seen.burns, alerts)
    if status is Status.PASS and seen.source_doubt is not None:
        status, reason = Status.UNKNOWN, seen.source_doubt
    observed = None if shown.long_rate is None else Quantity(round(shown.long_rate, 3))
    limit = Limit("<", round(shown.factor, 3), "", BURN_RATES)
    evidence = (_burn_table(objective, seen.burns, alerts),)
    if status.measured and observed is None:
        status = Status.UNKNOWN
    return BURN.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _burning(burns: Sequence[BurnVerdict], alerts: Alerts) -> tuple[Status, BurnVerdict, Message]:
    alerting = [b for b in burns if b.state is BurnState.ALERT]
    if alerting:
        first = next((b for b in alerting if b.rule.level == "page"), alerting[0])
        status = Status.FAIL if first.rule.level == "page" else Status.WARN
        return status, first, burning_reason(first)
    unmeasured = [b for b in burns if b.state is BurnState.NOT_MEASURED]
    if unmeasured:
        return (
            Status.UNKNOWN,
            unmeasured[0],
            msg(
                "Only {measured} of {expected} minutes were measured, too few for a burn rate",
                measured=unmeasured[0].long.measured_min,
                expected=unmeasured[0].long.expected_min,
            ),
        )
    unread = [b for b in burns if b.state is BurnState.UNREAD]
    if unread:
        return (
            Status.UNKNOWN,
            unread[0],
            msg(
                "{unread} of {total} events in {hours} h could not be judged: if they were bad, the budget burns too "
                "fast",
                unread=unread[0].long.unread,
                total=unread[0].long.total + unread[0].long.unread,
                hours=unread[0].rule.long_h,
            ),
        )
    little = [b for b in burns if b.state is BurnState.TOO_LITTLE]
    if little:
        return (
            Status.UNKNOWN,
            little[0],
            msg(
                "Too little traffic in {hours} h: {bad} of {total} requests were bad; an alert needs {min_valid} "
                "requests and {min_bad} bad ones",
                hours=little[0].rule.long_h,
                bad=little[0].long.bad,
                total=little[0].long.total,
                min_valid=alerts.min_valid,
                min_bad=alerts.min_bad,
            ),
        )
    nearest = max(burns, key=lambda b: (b.long_rate or 0.0) / b.factor)
    return Status.PASS, nearest, _no_alert(nearest)


def burning_reason(burning: BurnVerdict) -> Message:
    """What is said of a rule that alerts."""
    return msg(
        "Burn rate {rate} over {hours} h, still burning; at {factor}, {share} % of the budget is spent in that time",
        rate=round(burning.long_rate or 0.0, 2),
        hours=burning.rule.long_h,
        share=round(100 * burning.rule.budget_share, 3),
        factor=round(burning.factor, 3),
    )


def _no_alert(nearest: BurnVerdict) -> Message:
    if nearest.long_rate is None or nearest.long_rate < nearest.factor:
        return msg("Burn rate is below the threshold in every window")
    return msg(
        "Burn rate {rate} over {hours} h, but it is below the threshold in the short window: burning has stopped",
        rate=round(nearest.long_rate, 2),
        hours=nearest.rule.long_h,
    )


def _burn_table(objective: Measured, burns: Sequence[BurnVerdict], alerts: Alerts) -> Evidence:
    columns = (
        msg("Long window, h"),
        msg("Burn rate (long)"),
        msg("Short window, h"),
        msg("Burn rate (short)"),
        msg("Threshold"),
        msg("Bad"),
        msg("Total"),
        msg("Total outage detected after, s"),
        msg("State"),
    )
    rows = tuple(
        (
            b.rule.long_h,
            None if b.long_rate is None else round(b.long_rate, 3),
            round(b.rule.long_h / SHORT_OF_LONG, 3),
            None if b.short_rate is None else round(b.short_rate, 3),
            round(b.factor, 3),
            b.long.bad,
            b.long.total,
            round(detection_s(objective.target, b.factor, b.rule.long_h), 2),
            STATES[b.state],
        )
        for b in burns
    )
    title = msg("Burn rates for an error budget of {days} days", days=alerts.period_days)
    return Table(title, columns, rows)


STATES: Mapping[BurnState, Message] = {
    BurnState.QUIET: msg("no alert"),
    BurnState.ALERT: msg("alert"),
    BurnState.TOO_LITTLE: msg("too little traffic"),
    BurnState.NOT_MEASURED: msg("too little measured"),
    BurnState.UNREAD: msg("too much unread"),
}
