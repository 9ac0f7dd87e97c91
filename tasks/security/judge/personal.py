"""Judges the personal data that was counted in the week's logs."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tasks.check_result import CheckResult, Limit, Message, Quantity, Status, Table, msg, verbatim
from tasks.logs.facts import LogReview
from tasks.logs.judge.modules import KINDS
from tasks.logs.judge.sources import NOT_SET
from tasks.logs.limits import LogLimits
from tasks.observation import Unobserved
from tasks.security.checks import PERSONAL_DATA

SUBJECT = "logs"
_GUIDE = msg("[logs.limits] of the service file, each day and module")
_MOST_DAYS = 5


def judge_personal(
    review: LogReview | Unobserved | None, days: Sequence[date], zone: ZoneInfo, limits: LogLimits, now: datetime
) -> CheckResult:
    """Lines with personal data by module and kind; `days` are those of the week that are over. None: no log source."""
    if review is None:
        return PERSONAL_DATA.judged(Status.SKIPPED, SUBJECT, NOT_SET, at=now)
    by_module: Counter[str] = Counter()
    for found in review.personal if isinstance(review, LogReview) else ():
        by_module[found.module] += found.lines
    most = max(by_module.values(), default=0)
    limit = Limit("≤", limits.max_personal_data_lines * len(days), "", _GUIDE)
    beyond = most > int(limit.value)
    if not beyond and (doubt := _doubt(review, days, zone, now)) is not None:
        return PERSONAL_DATA.judged(Status.UNKNOWN, SUBJECT, doubt, at=now, limit=limit)
    assert isinstance(review, LogReview)
    lines = sum(source.counts.lines for source in review.sources)
    if not by_module:
        reason = msg("No personal data found in {lines} lines", lines=lines)
        return PERSONAL_DATA.judged(Status.PASS, SUBJECT, reason, at=now, observed=Quantity(0), limit=limit)
    rows = tuple((found.module, KINDS.get(found.kind, verbatim(found.kind)), found.lines) for found in review.personal)
    table = Table(msg("Personal data found"), (msg("Module"), msg("Kind"), msg("Lines")), rows)
    worst = by_module.most_common(1)[0][0]
    reason = msg(
        "{count} of {lines} lines hold personal data or passwords, most of them of {module}: mask them before they are "
        "logged",
        count=by_module.total(),
        lines=lines,
        module=worst,
    )
    status = Status.WARN if beyond else Status.PASS
    return PERSONAL_DATA.judged(
        status, SUBJECT, reason, at=now, observed=Quantity(most), limit=limit, evidence=(table,)
    )


def _doubt(review: LogReview | Unobserved, days: Sequence[date], zone: ZoneInfo, now: datetime) -> Message | None:
    """Why lines of the week may not have been searched."""
    if isinstance(review, Unobserved):
        return review.reason
    if not days:
        return msg("No day of the week is over")
    if unread := [source.name for source in review.sources if not source.hours]:
        return msg("These logs have not been read yet: {sources}", sources=", ".join(unread))
    seen = {h.hour.astimezone(zone).date() for source in review.sources for h in source.hours if h.counts.dated}
    if missing := [day for day in days if day not in seen]:
        shown = ", ".join(f"{day}" for day in missing[:_MOST_DAYS]) + (", …" if len(missing) > _MOST_DAYS else "")
        return msg("No line was read on {days}", days=shown)
    if damaged := [file for source in review.sources for file in source.damaged]:
        return damaged[0].message
    if review.until <= now and not any(source.ahead for source in review.sources):
        return msg("No line from after the week was read: its last lines may be missing")
    return None
