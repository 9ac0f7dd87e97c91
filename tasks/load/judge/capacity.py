"""The highest load that met the SLO, the fitted law's peak, and the headroom over the production peak."""

from dataclasses import dataclass
from datetime import datetime

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.load.analysis.held import Level, highest_held
from tasks.load.analysis.peak import PEAK_DAYS, Peak
from tasks.load.analysis.usl import CONFIDENCE, MIN_LEVELS, NoFit, Usl, fit_usl
from tasks.load.checks import CAPACITY
from tasks.load.facts import Ended, LoadRun
from tasks.load.judge.tables import rounded, steps_table, throughput_plot
from tasks.load.limits import LoadLimits
from tasks.observation import Absent, Unobserved

_SOURCE = msg("[load.limits] min_headroom")
_SUBJECT = "load"
_FEWEST_LEVELS = 2


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a test says of capacity: its levels, the highest that met the SLO, the law through them."""

    levels: tuple[Level, ...]
    held: Level | None
    fit: Usl | NoFit

    @property
    def judged(self) -> bool:
        """False for a test of one level, which says nothing of more load."""
        return len(self.levels) >= _FEWEST_LEVELS

    @property
    def per_second(self) -> float | None:
        """Requests/s of the highest level that met the SLO; None where none is known."""
        return self.held.per_second if self.judged and self.held is not None else None

    def headroom(self, peak: Peak | Unobserved | Absent) -> float | None:
        """Capacity as a multiple of the production peak."""
        known = isinstance(peak, Peak) and self.per_second is not None
        return self.per_second / peak.per_second if known and self.per_second and isinstance(peak, Peak) else None


def capacity_of(levels: tuple[Level, ...]) -> Capacity:
    """What levels say of capacity."""
    points = [(float(level.users), level.per_second) for level in levels if level.per_second is not None]
    return Capacity(levels, highest_held(levels), fit_usl(points))


def judge_capacity(
    run: LoadRun,
    capacity: Capacity,
    peak: Peak | Unobserved | Absent,
    limits: LoadLimits,
    invalid: Message | None,
    now: datetime,
) -> CheckResult:
    """Is the highest load that met the SLO far enough above the production peak?"""
    limit = Limit("≥", limits.min_headroom, "×", _SOURCE)
    if not capacity.judged:
        why = msg("The profile {profile} has one load only: capacity needs several", profile=run.profile)
        return CAPACITY.judged(Status.SKIPPED, _SUBJECT, why, at=now)
    fit = capacity.fit if isinstance(capacity.fit, Usl) else None
    plot = throughput_plot(capacity.levels, fit)
    evidence: tuple[Evidence, ...] = (_figures(capacity, peak), steps_table(run, capacity.levels), *plot)
    if invalid is not None:
        why = msg("The test is invalid: its figures say nothing")
        return CAPACITY.judged(Status.UNKNOWN, _SUBJECT, why, at=now, limit=limit, evidence=evidence)
    if run.ended is Ended.LIMIT and run.problem is not None:
        evidence = (*evidence, Table(msg("Why it ended early"), (msg("Reason"),), ((run.problem,),)))
    if capacity.held is None or capacity.per_second is None:
        return _none_held(capacity, limit, evidence, now)
    return _judge_headroom(capacity, capacity.held, peak, limits, evidence, now)


def _none_held(capacity: Capacity, limit: Limit, evidence: tuple[Evidence, ...], now: datetime) -> CheckResult:
    lowest = capacity.levels[0]
    why = msg("Not even {users} users met the SLO", users=lowest.users)
    observed = Quantity(0.0, "×")
    return CAPACITY.judged(Status.FAIL, _SUBJECT, why, at=now, observed=observed, limit=limit, evidence=evidence)


def _judge_headroom(
    capacity: Capacity,
    held: Level,
    peak: Peak | Unobserved | Absent,
    limits: LoadLimits,
    evidence: tuple[Evidence, ...],
    now: datetime,
) -> CheckResult:
    limit = Limit("≥", limits.min_headroom, "×", _SOURCE)
    headroom, rate = capacity.headroom(peak), rounded(capacity.per_second)
    if headroom is None or not isinstance(peak, Peak):
        status = Status.SKIPPED if isinstance(peak, Absent) else Status.UNKNOWN
        why = peak.reason if not isinstance(peak, Peak) else msg("The highest load has no successful request")
        return CAPACITY.judged(status, _SUBJECT, why, at=now, limit=limit, evidence=evidence)
    status = Status.PASS if headroom >= limits.min_headroom else Status.WARN
    top = held is capacity.levels[-1]
    of = {"rate": rate, "users": held.users, "peak": rounded(peak.per_second)}
    reason = (
        msg("At least {rate} requests/s ({users} users, the highest load tested); production peak {peak}", **of)
        if top
        else msg("{rate} requests/s with {users} users met the SLO, more did not; production peak {peak}", **of)
    )
    observed = Quantity(round(headroom, 2), "×")
    return CAPACITY.judged(status, _SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _figures(capacity: Capacity, peak: Peak | Unobserved | Absent) -> Table:
    held = capacity.held
    rows: list[tuple[Scalar | Message, ...]] = [
        (msg("Highest load that met the SLO (users)"), msg("none") if held is None else held.users),
        (msg("Its successful requests/s"), rounded(capacity.per_second)),
        (msg("Peak of the throughput (Universal Scalability Law)"), usl_words(capacity.fit)),
    ]
    if isinstance(capacity.fit, Usl):
        fit = capacity.fit
        values = msg("λ {lam}, σ {sigma}, κ {kappa}, {residual} % off on average", lam=round(fit.lam, 2),
                     sigma=round(fit.sigma, 4), kappa=float(f"{fit.kappa:.3g}"),
                     residual=round(fit.residual_percent, 1))  # fmt: skip
        rows.append((msg("Its coefficients"), values))
    title = msg("Production peak, busiest minute of {days} days", days=PEAK_DAYS)
    if isinstance(peak, Peak):
        busiest = msg("{rate} requests/s at {at}", rate=rounded(peak.per_second), at=moment(peak.at))
        rows.append((title, busiest))
    else:
        rows.append((title, peak.reason))
    return Table(msg("Capacity"), (msg("What"), msg("Value")), tuple(rows))


def usl_words(fit: Usl | NoFit) -> Message:
    """The peak with its interval, or why none is given."""
    why = fit if isinstance(fit, NoFit) else fit.no_peak
    if isinstance(fit, Usl) and fit.peak is not None and fit.low is not None and fit.high is not None:
        return msg("{users} users ({percent} % interval {low} to {high})", users=round(fit.peak),
                   percent=round(100 * CONFIDENCE), low=round(fit.low), high=round(fit.high))  # fmt: skip
    if why is NoFit.TOO_FEW:
        return msg("not fitted: it needs {number} different numbers of users", number=MIN_LEVELS)
    if why is NoFit.POOR:
        return msg("not given: the law does not describe this throughput")
    if why is NoFit.FAR:
        return msg("not given: it lies far beyond the tested loads")
    return msg("no peak within the tested loads")
