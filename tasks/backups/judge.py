"""What a drill says of a backup: each step of the ladder, what came out, and the verdict on the whole."""

from collections.abc import Sequence
from datetime import datetime

from tasks.backups.checks import CONTAINER, CONTENT, DECODE, MANIFEST, RESTORE, SMOKE
from tasks.backups.facts import Drill, DrillVerdict, Outcome, Rung, Step
from tasks.backups.judge_content import judge_content
from tasks.backups.judge_counts import judge_counts
from tasks.backups.judge_invariants import judge_invariants
from tasks.backups.judge_newest import judge_newest_row
from tasks.backups.judge_schema import judge_schema
from tasks.backups.limits import BackupLimits
from tasks.backups.settings import BackedUp, Invariant
from tasks.backups.steps import not_reached
from tasks.check_result import Check, CheckResult, Limit, Quantity, Status, msg
from tasks.observation import Unobserved

_STATUS = {Outcome.PASSED: Status.PASS, Outcome.FAILED: Status.FAIL, Outcome.SKIPPED: Status.SKIPPED}
_NO_FAULT = Limit("=", 0, "", msg("a backup without a fault"))
_LADDER = ((MANIFEST, Rung.MANIFEST), (CONTAINER, Rung.CONTAINER), (DECODE, Rung.DECODE), (RESTORE, Rung.RESTORE))
_NO_SMOKE = msg("No smoke test is set")


def judge_ladder(
    subject: str, drill: Drill, target: BackedUp, invariants: Sequence[Invariant], limits: BackupLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """Every step of the ladder in its order; what was not reached is UNKNOWN. A managed copy has no file to look at."""
    return (
        *judge_steps(subject, drill, now),
        judge_schema(subject, drill, now),
        judge_counts(subject, drill, limits, now),
        judge_content(subject, drill, target.content, now),
        judge_invariants(subject, drill, invariants, now),
        judge_newest_row(subject, drill, limits, target.rpo_h, now),
        judge_smoke(subject, drill, now, wanted=target.smoke is not None),
    )


def judge_steps(subject: str, drill: Drill, now: datetime) -> tuple[CheckResult, ...]:
    """The steps that programs took, in the ladder's order."""
    taken = ((check, drill.step(rung)) for check, rung in _LADDER)
    return tuple(_judge_step(check, subject, step, now) for check, step in taken if step is not None)


def _judge_step(check: Check, subject: str, step: Step, now: datetime) -> CheckResult:
    """A bad backup fails, what could not be looked at is not known."""
    status = _STATUS.get(step.outcome, Status.UNKNOWN)
    if not status.measured:
        return check.judged(status, subject, step.reason, at=now, limit=_NO_FAULT)
    faults = Quantity(int(status is Status.FAIL))
    return check.judged(status, subject, step.reason, at=now, observed=faults, limit=_NO_FAULT)


def judge_smoke(subject: str, drill: Drill, now: datetime, *, wanted: bool) -> CheckResult:
    """The service's own test on the restored copy."""
    smoke = drill.smoke
    if not wanted:
        return SMOKE.judged(Status.SKIPPED, subject, _NO_SMOKE, at=now)
    if drill.contents is None or smoke is None:
        return SMOKE.judged(Status.UNKNOWN, subject, not_reached(drill), at=now)
    if isinstance(smoke, Unobserved):
        return SMOKE.judged(Status.UNKNOWN, subject, smoke.reason, at=now)
    limit = Limit("=", 0, "", msg("the smoke test's own word"))
    status = Status.PASS if smoke.passed else Status.FAIL
    observed = Quantity(int(not smoke.passed))
    return SMOKE.judged(status, subject, smoke.reason, at=now, observed=observed, limit=limit)


def verdict_of(ladder: Sequence[CheckResult]) -> DrillVerdict:
    """Failed if any step failed; an error if one could not be judged. A manifest that is not there is not part of it:
    its own result says that it is not known, and so does one of content that nobody recorded.
    """
    needed = [r for r in ladder if r.check not in (MANIFEST.id, CONTENT.id) and r.status is not Status.SKIPPED]
    if any(r.status is Status.FAIL for r in ladder):
        return DrillVerdict.FAILED
    if any(r.status is Status.UNKNOWN for r in needed) or not needed:
        return DrillVerdict.ERROR
    return DrillVerdict.PASSED
