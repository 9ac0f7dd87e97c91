"""Whether the backups have off-site copies."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tasks.backups.checks import OFFSITE
from tasks.backups.facts import Backup, OffsiteCopy
from tasks.backups.judge.files import NO_BACKUP
from tasks.backups.limits import CLOCK_AHEAD
from tasks.backups.settings import BackedUp
from tasks.check_result import CheckResult, Limit, Quantity, Status, moment, msg
from tasks.observation import Unobserved, printable


def judge_offsite(
    subject: str,
    backups: Sequence[Backup] | Unobserved,
    copies: Sequence[OffsiteCopy] | Unobserved | None,
    target: BackedUp,
    now: datetime,
) -> CheckResult:
    """Whether the newest backup older than the allowed time is off-site, with its full size."""
    if target.offsite is None:
        return OFFSITE.judged(Status.SKIPPED, subject, msg("`offsite` is not set in the service file"), at=now)
    if isinstance(backups, Unobserved) or not backups:
        reason = backups.reason if isinstance(backups, Unobserved) else NO_BACKUP
        return OFFSITE.judged(Status.UNKNOWN, subject, reason, at=now)
    if copies is None or isinstance(copies, Unobserved):
        reason = msg("The off-site location was not listed") if copies is None else copies.reason
        return OFFSITE.judged(Status.UNKNOWN, subject, reason, at=now)
    wait = timedelta(hours=target.offsite.within_h)
    due = next((n for n, backup in enumerate(backups) if now - backup.at > wait), None)
    if due is not None:
        return _copied(subject, backups[due], copies, now)
    for backup in backups:
        if (result := _copied(subject, backup, copies, now)).status is Status.PASS:
            return result
    reason = msg("No backup is older than the {hours} h that an off-site copy may take", hours=target.offsite.within_h)
    return OFFSITE.judged(Status.UNKNOWN, subject, reason, at=now)


def _copied(subject: str, backup: Backup, copies: Sequence[OffsiteCopy], now: datetime) -> CheckResult:
    name = backup.path.name
    limit = Limit("=", backup.bytes, "B", msg("the size of the backup"))
    named = [copy for copy in copies if copy.name == name]
    # A file that is written over every day: yesterday's copy may have today's name and size.
    fresh = [copy for copy in named if backup.at - copy.at <= CLOCK_AHEAD]
    if not fresh:
        stale = max((copy.at for copy in named), default=None)
        reason = (
            msg("{name} is not off-site", name=printable(name))
            if stale is None
            else msg(
                "The off-site copy of {name} is dated {at}, before the backup", name=printable(name), at=moment(stale)
            )
        )
        missing = Quantity(msg("missing"))
        return OFFSITE.judged(Status.FAIL, subject, reason, at=now, observed=missing, limit=limit)
    whole = any(copy.bytes == backup.bytes for copy in fresh)
    copied = backup.bytes if whole else max(fresh, key=lambda copy: copy.at).bytes
    reason = msg("{name} is off-site", name=printable(name))
    if not whole:
        reason = msg("{name} has {bytes} B off-site, but {here} B here", name=printable(name), bytes=copied,
                     here=backup.bytes)  # fmt: skip
    status = Status.PASS if whole else Status.FAIL
    return OFFSITE.judged(status, subject, reason, at=now, observed=Quantity(copied, "B"), limit=limit)
