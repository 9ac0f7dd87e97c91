"""How long a recovery takes, as a restore drill measured it."""

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from tasks.backups.checks import RECOVERY_TIME
from tasks.backups.facts import Drill, PastDrill
from tasks.backups.judge.files import SETTINGS
from tasks.backups.limits import MOST_COMPARED, BackupLimits
from tasks.backups.reasons import not_reached
from tasks.backups.settings import BackedUp
from tasks.check_result import Chart, CheckResult, Evidence, Limit, Quantity, Status, msg

_GUIDE_RTO_MIN = BackedUp.model_fields["rto_min"].default


def judge_recovery_time(
    subject: str, drill: Drill, past: Sequence[PastDrill], target: BackedUp, limits: BackupLimits, now: datetime
) -> CheckResult:
    """What a recovery took, against the RTO and against those before."""
    guide = target.rto_min == _GUIDE_RTO_MIN
    source = msg("the guide's SLO: incidents resolved within an hour") if guide else SETTINGS
    limit = Limit("≤", target.rto_min * 60, "s", source)
    if drill.recovery_s is None:
        return RECOVERY_TIME.judged(Status.UNKNOWN, subject, not_reached(drill), at=now, limit=limit)
    before = [(one.at, one.recovery_s) for one in past if one.recovery_s is not None and one.at < drill.started_at]
    before = sorted(before)[-MOST_COMPARED:]
    usual = median(seconds for _, seconds in before) if len(before) >= limits.min_compared else None
    if drill.recovery_s > target.rto_min * 60:
        status, reason = Status.FAIL, msg("The recovery took longer than the RTO")
    elif usual and drill.recovery_s > limits.max_restore_growth * usual:
        status = Status.WARN
        reason = msg("{factor} times the median of the previous {n} ({usual} s)", n=len(before), usual=round(usual, 1),
                     factor=round(drill.recovery_s / usual, 1))  # fmt: skip
    else:
        status, reason = (
            Status.PASS,
            msg("Time from the start of the restore until the server answers, plus the smoke test if one is set"),
        )
    observed = Quantity(round(drill.recovery_s, 3), "s")
    evidence = (_times([*before, (drill.started_at, drill.recovery_s)], target),)
    return RECOVERY_TIME.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _times(took: Sequence[tuple[datetime, float]], target: BackedUp) -> Evidence:
    return Chart(
        msg("Recovery times, oldest first (times in UTC)"),
        msg("The last recovery took {seconds} s", seconds=round(took[-1][1], 1)),
        "s",
        tuple(f"{at:%m-%d %H:%M}" for at, _ in took),
        tuple(round(seconds, 1) for _, seconds in took),
        target.rto_min * 60,
    )
