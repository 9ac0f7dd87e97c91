"""Judges the files of backups: the newest one's age, encryption and size."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil, floor
from statistics import median

from tasks.backups.checks import ENCRYPTION, FRESHNESS, SIZE
from tasks.backups.facts import Backup
from tasks.backups.limits import CLOCK_AHEAD, MOST_COMPARED, BackupLimits
from tasks.backups.settings import BackedUp
from tasks.check_result import Chart, CheckResult, Evidence, Limit, Message, Quantity, Status, moment, msg
from tasks.observation import Unobserved, printable

SETTINGS = msg("the service file")
NO_BACKUP = msg("There is no backup")
_HOUR = timedelta(hours=1)
_MB = 1e6


def judge_freshness(
    subject: str, backups: Sequence[Backup] | Unobserved, target: BackedUp, now: datetime
) -> CheckResult:
    """Whether no more than the RPO would be lost with the database."""
    limit = Limit("≤", target.rpo_h, "h", SETTINGS)
    if isinstance(backups, Unobserved):
        return FRESHNESS.judged(Status.UNKNOWN, subject, backups.reason, at=now, limit=limit)
    if not backups:
        none = Quantity(msg("none"))
        return FRESHNESS.judged(Status.FAIL, subject, nothing(target), at=now, observed=none, limit=limit)
    newest = backups[0]
    age_h = (now - newest.at) / _HOUR
    if newest.at - now > CLOCK_AHEAD:
        return FRESHNESS.judged(Status.UNKNOWN, subject, ahead(newest.path.name, newest.at), at=now, limit=limit)
    late = age_h > target.rpo_h
    # Never rounded to the other side of the limit.
    observed = Quantity((ceil if late else floor)(max(age_h, 0) * 10) / 10, "h")
    status = Status.FAIL if late else Status.PASS
    return FRESHNESS.judged(status, subject, _begun(newest), at=now, observed=observed, limit=limit)


def _begun(backup: Backup) -> Message:
    name, at = printable(backup.path.name), moment(backup.at)
    if backup.known_start:
        return msg("The newest backup ({name}) was started at {at}", name=name, at=at)
    return msg(
        "The newest backup ({name}) was last written at {at}; without a manifest, its start time is unknown",
        name=name,
        at=at,
    )


def judge_encryption(subject: str, encrypted: bool | Unobserved | None, target: BackedUp, now: datetime) -> CheckResult:
    """Whether the newest backup is encrypted where the service file demands it; None is no backup."""
    if not target.encrypted:
        return ENCRYPTION.judged(Status.SKIPPED, subject, _not_demanded(encrypted), at=now)
    limit = Limit("=", True, "", SETTINGS)
    if encrypted is None or isinstance(encrypted, Unobserved):
        reason = NO_BACKUP if encrypted is None else encrypted.reason
        return ENCRYPTION.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit)
    status = Status.PASS if encrypted else Status.FAIL
    reason = (
        msg("The backup is encrypted")
        if encrypted
        else msg("The backup is not encrypted: whoever gets the file can read it")
    )
    return ENCRYPTION.judged(status, subject, reason, at=now, observed=Quantity(encrypted), limit=limit)


def _not_demanded(encrypted: bool | Unobserved | None) -> Message:
    if encrypted is True:
        return msg("The backup is encrypted; encryption is not required (`encrypted` is not set)")
    if encrypted is False:
        return msg("The backup is not encrypted; encryption is not required (`encrypted` is not set)")
    return msg("Encryption is not required (`encrypted` is not set); whether the backup is encrypted is unknown")


def judge_size(
    subject: str, backups: Sequence[Backup] | Unobserved, limits: BackupLimits, now: datetime
) -> CheckResult:
    """The newest backup's size as a share of the median of those before it."""
    if isinstance(backups, Unobserved) or not backups:
        reason = backups.reason if isinstance(backups, Unobserved) else NO_BACKUP
        return SIZE.judged(Status.UNKNOWN, subject, reason, at=now)
    newest, before = backups[0], [backup.bytes for backup in backups[1 : MOST_COMPARED + 1]]
    evidence = (_sizes(backups[:MOST_COMPARED]),)
    if newest.bytes == 0:
        empty, some = Quantity(0, "MB"), Limit(">", 0, "MB", msg("not empty"))
        reason = msg("The newest backup ({name}) is empty", name=printable(newest.path.name))
        return SIZE.judged(Status.FAIL, subject, reason, at=now, observed=empty, limit=some, evidence=evidence)
    if len(before) < limits.min_compared:
        few = msg(
            "Only {n} earlier backups: {least} are needed for a comparison", n=len(before), least=limits.min_compared
        )
        observed = Quantity(mb(newest.bytes), "MB")
        return SIZE.judged(Status.SKIPPED, subject, few, at=now, observed=observed, evidence=evidence)
    usual = median(before)
    if usual == 0:
        return SIZE.judged(Status.UNKNOWN, subject, msg("The earlier backups are empty"), at=now, evidence=evidence)
    status, limit = _against(newest.bytes / usual, limits)
    observed = Quantity(round(100 * newest.bytes / usual, 6), "%")
    reason = msg("{size} MB; the median of the previous {n} is {usual} MB", size=mb(newest.bytes), n=len(before),
                 usual=mb(usual))  # fmt: skip
    return SIZE.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _against(share: float, limits: BackupLimits) -> tuple[Status, Limit]:
    source = msg("of the median ([backups.limits] in the service file)")
    if share > limits.max_size_factor:
        return Status.WARN, Limit("≤", round(100 * limits.max_size_factor, 3), "%", source)
    limit = Limit("≥", round(100 * limits.min_size_share, 3), "%", source)
    if share < limits.fail_size_share:
        return Status.FAIL, Limit("≥", round(100 * limits.fail_size_share, 3), "%", source)
    return (Status.WARN if share < limits.min_size_share else Status.PASS), limit


def _sizes(newest_first: Sequence[Backup]) -> Evidence:
    shown_ones = tuple(reversed(newest_first))
    return Chart(
        msg("Sizes of backups, oldest first (times in UTC)"),
        msg("The newest backup has {size} MB", size=mb(newest_first[0].bytes)),
        "MB",
        tuple(f"{backup.at:%m-%d %H:%M}" for backup in shown_ones),
        tuple(mb(backup.bytes) for backup in shown_ones),
    )


def nothing(target: BackedUp) -> Message:
    """That there is no backup, with the pattern."""
    if target.pattern is None:
        return NO_BACKUP
    return msg("There is no backup: nothing matches {pattern}", pattern=printable(target.pattern))


def ahead(name: str, at: datetime) -> Message:
    """That a backup is dated in the future."""
    return msg("{name} is dated {at}, which is in the future: correct the clocks", name=printable(name), at=moment(at))


def mb(size: float) -> float:
    """Bytes as megabytes."""
    return round(size / _MB, 3)
