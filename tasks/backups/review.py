"""What was looked at of one database's backups, judged."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tasks.backups.ask import invariants_of
from tasks.backups.checks import CONTAINER, DECODE, ENCRYPTION, MANIFEST, OFFSITE, RETENTION, SIZE
from tasks.backups.facts import DrillVerdict
from tasks.backups.judge import judge_ladder, judge_steps, verdict_of
from tasks.backups.judge_drills import judge_drill
from tasks.backups.judge_files import judge_encryption, judge_freshness, judge_size
from tasks.backups.judge_offsite import judge_offsite
from tasks.backups.judge_recovery import judge_recovery_time
from tasks.backups.judge_retention import judge_retention
from tasks.backups.limits import BackupLimits
from tasks.backups.look import Looked
from tasks.backups.managed import MANAGED
from tasks.check_result import CheckResult, Status
from tasks.observation import Unobserved

_OF_FILES = (ENCRYPTION, MANIFEST, CONTAINER, DECODE, RETENTION, SIZE, OFFSITE)


def judge_backups(
    looked: Looked, limits: BackupLimits, zone: ZoneInfo, now: datetime
) -> tuple[tuple[CheckResult, ...], DrillVerdict | None]:
    """The results of one database and the verdict of its drill, None if none was held."""
    target, subject, drill = looked.target.backups, looked.target.subject, looked.drill
    full = looked.depth == "full"
    ladder: Sequence[CheckResult] = ()
    verdict = None
    if drill is not None and full:
        ladder = judge_ladder(subject, drill, target, invariants_of(looked.target), limits, now)
        verdict = verdict_of(ladder)
    elif drill is not None:
        ladder = judge_steps(subject, drill, now)
    results = [judge_freshness(subject, looked.backups, target, now)] if _is_dated(looked) else []
    if target.copy_command is None:
        encrypted = _encrypted(looked)
        results += [judge_encryption(subject, encrypted, target, now)]
    results += ladder
    if drill is not None and full:
        results.append(judge_recovery_time(subject, drill, looked.past, target, limits, now))
    results.append(judge_drill(subject, drill if full else None, verdict, ladder, looked.past, limits, now))
    if target.copy_command is not None:
        return (*results, *(check.judged(Status.SKIPPED, subject, MANAGED, at=now) for check in _OF_FILES)), verdict
    results += [
        judge_retention(subject, looked.backups, target, zone, now),
        judge_size(subject, looked.backups, limits, now),
        judge_offsite(subject, looked.backups, looked.copies, target, now),
    ]
    return tuple(results), verdict


def ended_at(ladder: Sequence[CheckResult]) -> str:
    """The check that ended a drill: the first that failed, else the first that could not be judged; empty if none."""
    for status in (Status.FAIL, Status.UNKNOWN):
        if (found := next((r.check for r in ladder if r.status is status), None)) is not None:
            return found
    return ""


def _is_dated(looked: Looked) -> bool:
    """False for a managed database without a drill: when its snapshots were taken, only the command tells."""
    return looked.target.backups.copy_command is None or looked.depth == "full"


def _encrypted(looked: Looked) -> bool | Unobserved | None:
    if isinstance(looked.backups, Unobserved):
        return looked.backups
    return None if looked.drill is None else looked.drill.encrypted
