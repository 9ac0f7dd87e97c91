"""All results of one database's backups, and the verdict of its drill."""

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
    ISOLATION,
    MANIFEST,
    OFFSITE,
    RECOVERY_TIME,
    RETENTION,
    SIZE,
)
from tasks.backups.facts import BackupObservation, Drill, DrillStep, DrillVerdict, StepOutcome, StepResult
from tasks.backups.judge.drills import judge_drill
from tasks.backups.judge.files import NO_BACKUP, judge_encryption, judge_freshness, judge_size
from tasks.backups.judge.ladder import judge_isolation, judge_ladder, judge_steps, verdict_of
from tasks.backups.judge.offsite import judge_offsite
from tasks.backups.judge.recovery import judge_recovery_time
from tasks.backups.judge.retention import judge_retention
from tasks.backups.limits import BackupLimits
from tasks.backups.reasons import MANAGED, NOT_TAKEN
from tasks.backups.targets import invariants_of
from tasks.check_result import CheckResult, Status, msg
from tasks.observation import Unobserved

_OF_FILES = (ENCRYPTION, MANIFEST, CONTAINER, DECODE, RETENTION, SIZE, OFFSITE)
_BESIDE = (FRESHNESS, ENCRYPTION, ISOLATION, RECOVERY_TIME, DRILL, RETENTION, SIZE, OFFSITE)
_LADDER = frozenset(check.id for check in CHECKS if check not in _BESIDE)
_OPTIONAL = frozenset((MANIFEST.id, CONTENT.id))
"""A drill has its verdict without them."""

_WITHOUT_A_COPY = (DrillStep.MANIFEST, DrillStep.CONTAINER)
_UNDATED = msg("Managed database: the time of its newest snapshot is known only from a restore drill")


def judge_backups(
    observed: BackupObservation, limits: BackupLimits, zone: ZoneInfo, now: datetime
) -> tuple[tuple[CheckResult, ...], DrillVerdict | None]:
    """One result of each check of the depth for one database, and the verdict of its drill, None if none was run."""
    if observed.target.backups.copy_command is not None:
        return _judge_managed(observed, limits, now)
    target, subject, backups = observed.target.backups, observed.target.subject, observed.backups
    drilled, verdict = _judge_drilled(observed, limits, now)
    results = (
        judge_freshness(subject, backups, target, now),
        judge_encryption(subject, _encrypted(observed), target, now),
        *drilled,
        judge_retention(subject, backups, target, zone, now),
        judge_size(subject, backups, limits, now),
        judge_offsite(subject, backups, observed.copies, target, now),
    )
    return results, verdict


def ended_at(results: Sequence[CheckResult]) -> str:
    """The step that ended a drill: the first that failed, else the first that left it without a verdict; empty if
    none did. Results about the files or the past end no drill.
    """
    failed = (r.check for r in results if r.status is Status.FAIL and r.check in _LADDER)
    unknown = (r.check for r in results if r.status is Status.UNKNOWN and r.check in _LADDER - _OPTIONAL)
    return next(failed, "") or next(unknown, "")


def _judge_managed(
    observed: BackupObservation, limits: BackupLimits, now: datetime
) -> tuple[tuple[CheckResult, ...], DrillVerdict | None]:
    target, subject = observed.target.backups, observed.target.subject
    if observed.depth == "full":
        drilled, verdict = _judge_drilled(observed, limits, now)
        newest = judge_freshness(subject, observed.backups, target, now)
    else:
        drill = judge_drill(subject, None, None, (), observed.past, limits, now)
        drilled, verdict = (ISOLATION.judged(Status.SKIPPED, subject, MANAGED, at=now), drill), None
        newest = FRESHNESS.judged(Status.SKIPPED, subject, _UNDATED, at=now)
    asked = CHECKS if observed.depth == "full" else FILE_CHECKS
    of_files = (check.judged(Status.SKIPPED, subject, MANAGED, at=now) for check in _OF_FILES if check in asked)
    return (newest, *drilled, *of_files), verdict


def _judge_drilled(
    observed: BackupObservation, limits: BackupLimits, now: datetime
) -> tuple[tuple[CheckResult, ...], DrillVerdict | None]:
    """The steps of this verification and the result of the drills; steps that were not run are UNKNOWN."""
    target, subject = observed.target.backups, observed.target.subject
    drill = observed.drill or _not_begun(observed, now)
    if observed.depth == "files":
        steps = judge_steps(subject, drill, now)
        isolation = judge_isolation(subject, drill, now)
        return (*steps, isolation, judge_drill(subject, None, None, steps, observed.past, limits, now)), None
    invariants = invariants_of(observed.target)
    ladder = judge_ladder(subject, drill, target, invariants, limits, now, observed.past)
    verdict = verdict_of(ladder)
    isolation = judge_isolation(subject, drill, now)
    recovery = judge_recovery_time(subject, drill, observed.past, target, limits, now)
    drills = judge_drill(subject, observed.drill, verdict, ladder, observed.past, limits, now)
    return (*ladder, isolation, recovery, drills), None if observed.drill is None else verdict


def _not_begun(observed: BackupObservation, now: datetime) -> Drill:
    """A drill of which no step could be run, since there is no backup, or the folder could not be read."""
    unseen = observed.backups if isinstance(observed.backups, Unobserved) else None
    if unseen is None:
        steps = tuple(StepResult(step, StepOutcome.NOT_REACHED, NO_BACKUP) for step in DrillStep)
    else:
        taken = tuple(StepResult(step, StepOutcome.ERROR, unseen.reason) for step in _WITHOUT_A_COPY)
        others = (step for step in DrillStep if step not in _WITHOUT_A_COPY)
        steps = (*taken, *(StepResult(step, StepOutcome.NOT_REACHED, NOT_TAKEN) for step in others))
    if observed.depth == "files":
        steps = tuple(step for step in steps if step.step in _WITHOUT_A_COPY)
    blind = unseen or Unobserved(NO_BACKUP)
    return Drill(backup=None, form=None, steps=steps, started_at=now, seconds=0, manifest=blind, live=blind)


def _encrypted(observed: BackupObservation) -> bool | Unobserved | None:
    """None where there is no backup."""
    backups, drill = observed.backups, observed.drill
    if isinstance(backups, Unobserved):
        return backups
    if drill is None:
        return None
    step = drill.step(DrillStep.CONTAINER)
    return Unobserved(step.reason) if drill.encrypted is None and step is not None else drill.encrypted
