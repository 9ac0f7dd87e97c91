"""What was looked at of one database's backups, judged."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tasks.backups.checks import (
    CHECKS,
    CONTAINER,
    CONTENT,
    DECODE,
    DRILL,
    ENCRYPTION,
    FILE_CHECKS,
    FRESHNESS,
    MANIFEST,
    OFFSITE,
    RECOVERY_TIME,
    RETENTION,
    SIZE,
)
from tasks.backups.drill.ask import invariants_of
from tasks.backups.drill.managed import MANAGED
from tasks.backups.facts import Drill, DrillVerdict, Outcome, Rung, Step
from tasks.backups.judge.drills import judge_drill
from tasks.backups.judge.files import NO_BACKUP, judge_encryption, judge_freshness, judge_size
from tasks.backups.judge.ladder import judge_ladder, judge_steps, verdict_of
from tasks.backups.judge.offsite import judge_offsite
from tasks.backups.judge.recovery import judge_recovery_time
from tasks.backups.judge.retention import judge_retention
from tasks.backups.limits import BackupLimits
from tasks.backups.look import Looked
from tasks.backups.reasons import NOT_TAKEN
from tasks.check_result import CheckResult, Status, msg
from tasks.observation import Unobserved

_OF_FILES = (ENCRYPTION, MANIFEST, CONTAINER, DECODE, RETENTION, SIZE, OFFSITE)
_BESIDE = (FRESHNESS, ENCRYPTION, RECOVERY_TIME, DRILL, RETENTION, SIZE, OFFSITE)
_LADDER = frozenset(check.id for check in CHECKS if check not in _BESIDE)
_OPTIONAL = frozenset((MANIFEST.id, CONTENT.id))
"""A drill has its verdict without them."""

_WITHOUT_A_COPY = (Rung.MANIFEST, Rung.CONTAINER)
_UNDATED = msg("A managed database: only a drill tells of when its newest snapshot is")


def judge_backups(
    looked: Looked, limits: BackupLimits, zone: ZoneInfo, now: datetime
) -> tuple[tuple[CheckResult, ...], DrillVerdict | None]:
    """One result of each check of the depth for one database, and the verdict of its drill, None if none was held."""
    if looked.target.backups.copy_command is not None:
        return _judge_managed(looked, limits, now)
    target, subject, backups = looked.target.backups, looked.target.subject, looked.backups
    drilled, verdict = _judge_drilled(looked, limits, now)
    results = (
        judge_freshness(subject, backups, target, now),
        judge_encryption(subject, _encrypted(looked), target, now),
        *drilled,
        judge_retention(subject, backups, target, zone, now),
        judge_size(subject, backups, limits, now),
        judge_offsite(subject, backups, looked.copies, target, now),
    )
    return results, verdict


def ended_at(results: Sequence[CheckResult]) -> str:
    """The step that ended a drill: the first that failed, else the first that left it without a verdict; empty if
    none did. What is said of the files or the past ends no drill.
    """
    failed = (r.check for r in results if r.status is Status.FAIL and r.check in _LADDER)
    unknown = (r.check for r in results if r.status is Status.UNKNOWN and r.check in _LADDER - _OPTIONAL)
    return next(failed, "") or next(unknown, "")


def _judge_managed(
    looked: Looked, limits: BackupLimits, now: datetime
) -> tuple[tuple[CheckResult, ...], DrillVerdict | None]:
    target, subject = looked.target.backups, looked.target.subject
    if looked.depth == "full":
        drilled, verdict = _judge_drilled(looked, limits, now)
        newest = judge_freshness(subject, looked.backups, target, now)
    else:
        drilled, verdict = (judge_drill(subject, None, None, (), looked.past, limits, now),), None
        newest = FRESHNESS.judged(Status.SKIPPED, subject, _UNDATED, at=now)
    asked = CHECKS if looked.depth == "full" else FILE_CHECKS
    of_files = (check.judged(Status.SKIPPED, subject, MANAGED, at=now) for check in _OF_FILES if check in asked)
    return (newest, *drilled, *of_files), verdict


def _judge_drilled(
    looked: Looked, limits: BackupLimits, now: datetime
) -> tuple[tuple[CheckResult, ...], DrillVerdict | None]:
    """The steps of today's look and what is said of the drills; steps that nobody took are not known."""
    target, subject = looked.target.backups, looked.target.subject
    drill = looked.drill or _not_begun(looked, now)
    if looked.depth == "files":
        steps = judge_steps(subject, drill, now)
        return (*steps, judge_drill(subject, None, None, steps, looked.past, limits, now)), None
    ladder = judge_ladder(subject, drill, target, invariants_of(looked.target), limits, now)
    verdict = verdict_of(ladder)
    recovery = judge_recovery_time(subject, drill, looked.past, target, limits, now)
    word = judge_drill(subject, looked.drill, verdict, ladder, looked.past, limits, now)
    return (*ladder, recovery, word), None if looked.drill is None else verdict


def _not_begun(looked: Looked, now: datetime) -> Drill:
    """A climb of which no step could be taken, since there is no backup or nobody could see whether there is one."""
    unseen = looked.backups if isinstance(looked.backups, Unobserved) else None
    if unseen is None:
        steps = tuple(Step(rung, Outcome.NOT_REACHED, NO_BACKUP) for rung in Rung)
    else:
        taken = tuple(Step(rung, Outcome.ERROR, unseen.reason) for rung in _WITHOUT_A_COPY)
        steps = (*taken, *(Step(rung, Outcome.NOT_REACHED, NOT_TAKEN) for rung in Rung if rung not in _WITHOUT_A_COPY))
    if looked.depth == "files":
        steps = tuple(step for step in steps if step.rung in _WITHOUT_A_COPY)
    blind = unseen or Unobserved(NO_BACKUP)
    return Drill(backup=None, form=None, steps=steps, started_at=now, seconds=0, manifest=blind, live=blind)


def _encrypted(looked: Looked) -> bool | Unobserved | None:
    """None where there is no backup."""
    if isinstance(looked.backups, Unobserved):
        return looked.backups
    if looked.drill is None:
        return None
    step = looked.drill.step(Rung.CONTAINER)
    return Unobserved(step.reason) if looked.drill.encrypted is None and step is not None else looked.drill.encrypted
