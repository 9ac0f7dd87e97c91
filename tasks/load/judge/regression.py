"""Is anything slower than in comparable earlier load tests?"""

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.load.analysis.comparison import Change, compare
from tasks.load.checks import REGRESSION
from tasks.load.facts import LoadRun
from tasks.load.judge.validity import shown
from tasks.load.limits import LoadLimits
from tasks.load.settings import Gate
from tasks.observation import Unobserved

_ALL = "modules"
_STATISTICS = {"p50_ms": "p50", "p95_ms": "p95"}


def judge_regression(
    run: LoadRun,
    earlier: Sequence[LoadRun] | Unobserved,
    gates: Sequence[Gate],
    limits: LoadLimits,
    invalid: Message | None,
    now: datetime,
) -> list[CheckResult]:
    """One result a module against comparable valid runs, newest first; SKIPPED before there are enough of them."""
    if invalid is not None:
        why = msg("The test is invalid: its figures say nothing")
        return [REGRESSION.judged(Status.UNKNOWN, _ALL, why, at=now)]
    if isinstance(earlier, Unobserved):
        return [REGRESSION.judged(Status.UNKNOWN, _ALL, earlier.reason, at=now)]
    if len(earlier) < limits.min_runs:
        why = msg("No baseline yet: {number} of {needed} comparable runs", number=len(earlier), needed=limits.min_runs)
        return [REGRESSION.judged(Status.SKIPPED, _ALL, why, at=now)]
    changes = compare(run, earlier, gates, limits)
    usual = {m.module for other in earlier for m in other.modules if m.requests >= limits.min_requests}
    names = sorted({module.module for module in run.modules} | usual)
    if not names:
        why = msg("No request has a module: name requests `module:route`")
        return [REGRESSION.judged(Status.UNKNOWN, _ALL, why, at=now)]
    fewer = _fewer(run, earlier, limits)
    return [
        _judge_module(name, [c for c in changes if c.module == name], fewer.get(name), len(earlier), limits, now)
        for name in names
    ]


def _fewer(run: LoadRun, earlier: Sequence[LoadRun], limits: LoadLimits) -> dict[str, Message]:
    """By module, a route that is left out of the comparison because most of its requests are missing now.

    Users who wait for a slow answer ask less often: what slowed down most must not drop out of sight.
    """
    now = {(stats.module, stats.route): stats.succeeded.count for stats in run.routes}
    before: dict[tuple[str, str], list[int]] = {}
    for stats in (stats for other in earlier for stats in other.routes):
        before.setdefault((stats.module, stats.route), []).append(stats.succeeded.count)
    found: dict[str, Message] = {}
    for (module, route), counts in before.items():
        count, usual = now.get((module, route), 0), round(median(counts)) if len(counts) == len(earlier) else 0
        if count < limits.min_requests <= usual and 2 * count < usual:
            found[module] = msg(
                "{route} was answered {number} times, usually {usual} times: too few to compare",
                route=shown(route),
                number=count,
                usual=usual,
            )
    return found


def _judge_module(
    module: str, changes: Sequence[Change], fewer: Message | None, runs: int, limits: LoadLimits, now: datetime
) -> CheckResult:
    subject = f"module:{shown(module)}" if module else _ALL
    source = msg("slower by {percent} % and {ms} ms", percent=limits.min_effect_percent, ms=limits.min_effect_ms)
    limit = Limit("≤", 0, "", source)
    if not changes:
        why = msg(
            "Nothing to compare: too few requests now or in an earlier run ({needed} needed)",
            needed=limits.min_requests,
        )
        return REGRESSION.judged(Status.UNKNOWN, subject, why, at=now, limit=limit)
    slower = [change for change in changes if change.slower]
    worst = max(
        slower or changes, key=lambda change: (not change.route, change.percent) if slower else (True, change.percent)
    )
    evidence = (_table(changes, runs),)
    observed = Quantity(len(slower))
    if not slower and fewer is not None:
        return REGRESSION.judged(
            Status.UNKNOWN, subject, fewer, at=now, observed=observed, limit=limit, evidence=evidence
        )
    if not slower:
        reason = msg(
            "No slowdown that counts and is more than {runs} earlier runs differ by; largest change: {percent} %",
            runs=runs,
            percent=round(worst.percent, 1),
        )
        return REGRESSION.judged(
            Status.PASS, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence
        )
    reason = msg(
        "{what} {statistic}: {now} ms, usually {usual} ms; slower beyond doubt: {number} of {all} figures",
        what=shown(worst.route or worst.module or _ALL),
        statistic=_STATISTICS[worst.statistic],
        now=round(worst.now_ms, 1),
        usual=round(worst.usual_ms, 1),
        number=len(slower),
        all=len(changes),
    )
    return REGRESSION.judged(Status.WARN, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _table(changes: Sequence[Change], runs: int) -> Table:
    ordered = sorted(changes, key=lambda change: (not change.slower, bool(change.route), -change.percent))
    columns = (msg("Route"), msg("Statistic"), msg("Median before (ms)"), msg("Now (ms)"), msg("Change (%)"),
               msg("Interval (%)"), msg("Result"))  # fmt: skip
    return Table(msg("Against {runs} comparable runs", runs=runs), columns, tuple(_row(change) for change in ordered))


def _row(change: Change) -> tuple[Scalar | Message, ...]:
    low, high = round(change.low_percent, 1), round(change.high_percent, 1)
    within = (
        msg("{low} to {high}, beside the other routes of the run", low=low, high=high)
        if change.relative
        else msg("{low} to {high}", low=low, high=high)
    )
    return (
        shown(change.route) if change.route else msg("all routes"),
        _STATISTICS[change.statistic],
        round(change.usual_ms, 1),
        round(change.now_ms, 1),
        round(change.percent, 1),
        within,
        msg("slower") if change.slower else msg("as usual"),
    )
