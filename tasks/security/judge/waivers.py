"""Waivers: whether each one holds, is used, and will hold for a while."""

from datetime import datetime

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.observation import Unobserved, printable
from tasks.security.checks import WAIVERS
from tasks.security.findings.waivers import Waiver, WaiverReview
from tasks.security.limits import SecurityLimits

_SUBJECT = "waivers"
_SOURCE = msg("Each waiver is in force, used and not about to expire")


def judge_waivers(review: WaiverReview | Unobserved, limits: SecurityLimits, now: datetime) -> CheckResult:
    """WARN for waivers that expired, are about to, cover nothing or are ambiguous; UNKNOWN for a file that is refused.

    What an expired or refused waiver covered counts again, with the age that it has.
    """
    if isinstance(review, Unobserved):
        return WAIVERS.judged(Status.UNKNOWN, _SUBJECT, review.reason, at=now)
    expiring = review.expiring(limits.expiring_days)
    groups = (
        (msg("expired"), review.expired),
        (msg("expires soon"), expiring),
        (msg("covers no open finding"), review.unused),
        (msg("covers several findings: give more of the fingerprint"), review.ambiguous),
    )
    rows = [_row(state, waiver) for state, waivers in groups for waiver in waivers]
    number = len(rows)
    in_force = len(review.active)
    reason = msg("Waivers that need attention: {number}; in force: {active}", number=number, active=in_force)
    if not rows:
        reason = msg("Waivers in force: {active}", active=in_force)
    rows += [_row(msg("in force"), waiver) for waiver in review.active if waiver not in expiring]
    columns = (msg("State"), msg("What"), msg("Reason"), msg("Owner"), msg("Expires"))
    evidence: tuple[Evidence, ...] = (Table(msg("Waivers"), columns, tuple(rows)),) if rows else ()
    return WAIVERS.judged(
        Status.WARN if number else Status.PASS,
        _SUBJECT,
        reason,
        at=now,
        observed=Quantity(number),
        limit=Limit("≤", 0, "", _SOURCE),
        evidence=evidence,
    )


def _row(state: Message, waiver: Waiver) -> tuple[Scalar | Message, ...]:
    owner = printable(waiver.owner)
    return state, printable(waiver.scope), waiver.reason.value, owner, waiver.expires.isoformat()
