"""Judges the counts of a window by its objective."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from tasks.check_result import (
    Check,
    CheckResult,
    Evidence,
    Limit,
    Message,
    Quantity,
    Scalar,
    Status,
    Table,
    moment,
    msg,
)
from tasks.observation import Absent, Unobserved
from tasks.slo.budget.budget import Budget, shown_share
from tasks.slo.budget.doubt import met
from tasks.slo.budget.state import Known, ObjectiveState
from tasks.slo.checks import AVAILABILITY, ERROR_RATE, KPI, LATENCY, UPTIME
from tasks.slo.settings import (
    Availability,
    ErrorRate,
    KpiFloor,
    Latency,
    Measured,
    Uptime,
    counts_requests,
    is_sliced,
)
from tasks.slo.sli.minutes import Tally

_DIGITS = 6


def check_of(objective: Measured) -> Check:
    """The question that an objective answers."""
    match objective:
        case Availability():
            return AVAILABILITY
        case ErrorRate():
            return ERROR_RATE
        case Latency():
            return LATENCY
        case Uptime():
            return UPTIME
        case KpiFloor():
            return KPI


def subject_of(objective: Measured) -> str:
    """What an objective is called in results: its name, and its scope unless that is the service."""
    scope = objective.place.subject
    return f"objective:{objective.name}" if scope == "service" else f"objective:{objective.name}/{scope}"


def judge_objective(
    objective: Measured,
    seen: Known,
    source: Message,
    now: datetime,
    *,
    modules: Mapping[str, Tally] | None = None,
) -> CheckResult:
    """An objective over its window; what is in doubt does not pass.

    In a window that runs on, a share under the target only fails once the whole window's budget is spent.
    """
    check, subject, limit = check_of(objective), subject_of(objective), limit_of(objective, source)
    if isinstance(seen, Absent):
        return check.judged(Status.SKIPPED, subject, seen.reason, at=now)
    if isinstance(seen, Unobserved):
        return check.judged(Status.UNKNOWN, subject, seen.reason, at=now, limit=limit)
    status, reason = _verdict(objective, seen)
    if seen.doubt is not None and (status is Status.PASS or (status is Status.UNKNOWN and seen.counted.unread)):
        status, reason = Status.UNKNOWN, seen.doubt
    evidence = (_figures(objective, seen), *_by_module(objective, seen, modules or {}))
    at_best = seen.is_certainly_overspent and not seen.known
    observed = _at_best(objective, seen) if at_best else observed_of(objective, seen.counted)
    return check.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def limit_of(objective: Measured, source: Message) -> Limit:
    """The target as it is shown: an error rate stays under its limit, all else is at least the target."""
    if isinstance(objective, ErrorRate):
        return Limit("<", percent(objective.max_share), "%", source)
    return Limit("≥", percent(objective.target), "%", source)


def observed_of(objective: Measured, tally: Tally) -> Quantity | None:
    """The measured share as it is shown."""
    share = tally.bad_share if isinstance(objective, ErrorRate) else tally.share
    return None if share is None else Quantity(percent(share), "%")


def _at_best(objective: Measured, seen: ObjectiveState) -> Quantity | None:
    """What would be shown if every minute that was not measured had been good."""
    counted = seen.counted
    return observed_of(objective, replace(counted, good=counted.expected_min - counted.bad, total=counted.expected_min))


def percent(share: float) -> float:
    """A share in percent, as it is shown."""
    return round(share * 100, _DIGITS)


def _verdict(objective: Measured, seen: ObjectiveState) -> tuple[Status, Message]:
    counted, budget = seen.counted, seen.budget
    if counted.expected_min == 0:
        return Status.UNKNOWN, msg("The window has not started, or all of it is maintenance")
    if seen.is_certainly_overspent and not met(objective, counted):
        return Status.FAIL, _at_least(objective, counted)
    if not counted.total and not counted.measured_min:
        return Status.UNKNOWN, msg("Nothing was measured in this window")
    if counted.coverage < objective.min_coverage:
        return Status.UNKNOWN, _too_little_measured(objective, seen)
    if not counted.total:
        return Status.UNKNOWN, msg("No events in this window")
    if counts_requests(objective) and counted.total < (least := objective.min_events):
        low = msg("Too little traffic: {bad} of {total} requests were bad; at least {least} requests are needed",
                  bad=counted.bad, total=counted.total, least=least)  # fmt: skip
        return Status.UNKNOWN, low
    if met(objective, counted):
        return Status.PASS, _remarked(objective, counted)
    if seen.window.running and budget is not None and budget.spent <= 1:
        return Status.WARN, msg(
            "Below the target so far: {bad} of {total} were bad; {left} % of the whole budget left",
            bad=counted.bad,
            total=counted.total,
            left=round(100 * budget.left, 1),
        )
    return Status.FAIL, _counts(objective, counted)


def _too_little_measured(objective: Measured, seen: ObjectiveState) -> Message:
    counts: dict[str, Scalar] = {
        "measured": seen.counted.measured_min,
        "expected": seen.counted.expected_min,
        "least": percent(objective.min_coverage),
    }
    first = int(seen.measured.argmax()) if seen.measured.any() else 0
    # Mostly missing at its beginning: a service that is younger than its month.
    if first > (1 - objective.min_coverage) * seen.window.elapsed_min:
        since = moment(seen.window.start_of(first))
        return msg(
            "Only {measured} of {expected} minutes were measured ({least} % needed), none before {since}: if the "
            "service started then, set [slo] since",
            **counts,
            since=since,
        )
    return msg("Only {measured} of {expected} minutes were measured ({least} % needed)", **counts)


def _at_least(objective: Measured, counted: Tally) -> Message:
    """The counts of an overspent budget; of a window that was measured in part, they are the least."""
    if counted.coverage >= objective.min_coverage:
        return _counts(objective, counted)
    return msg(
        "At least {bad} of {expected} minutes were bad, more than the whole error budget (only {measured} measured)",
        bad=counted.bad,
        expected=counted.expected_min,
        measured=counted.measured_min,
    )


def _counts(objective: Measured, counted: Tally) -> Message:
    bad, total, good = counted.bad, counted.total, counted.good
    if isinstance(objective, Uptime):
        return msg("{bad} of {total} measured minutes were down", bad=bad, total=total)
    if isinstance(objective, KpiFloor):
        return msg("{bad} of {total} measured minutes were below the floor", bad=bad, total=total)
    if is_sliced(objective):
        return msg("{bad} of {total} minutes had too many bad requests", bad=bad, total=total)
    if isinstance(objective, Latency) and not good:
        return msg(
            "None of {total} requests within {limit} ms: if that seems wrong, check the unit of the durations and "
            "duration_unit",
            total=total,
            limit=objective.within_ms,
        )
    if isinstance(objective, Latency):
        return msg("{good} of {total} requests within {limit} ms", good=good, total=total, limit=objective.within_ms)
    return msg("{bad} of {total} requests failed", bad=bad, total=total)


def _remarked(objective: Measured, counted: Tally) -> Message:
    """The counts, and what they show if that is less than the target: the sample is small."""
    if is_sliced(objective) or (shown := shown_share(counted)) >= objective.target:
        return _counts(objective, counted)
    # Rounded down: 99.9 % must not be claimed by 99.899.
    figure = int(shown * 100_000) / 1000
    if isinstance(objective, Latency):
        return msg(
            "{good} of {total} requests within {limit} ms; this few only prove {shown} % at 95 % confidence",
            good=counted.good,
            total=counted.total,
            limit=objective.within_ms,
            shown=figure,
        )
    return msg(
        "{bad} of {total} requests failed; this few only prove {shown} % at 95 % confidence",
        bad=counted.bad,
        total=counted.total,
        shown=figure,
    )


def _figures(objective: Measured, seen: ObjectiveState) -> Evidence:
    counted, whole, window = seen.counted, seen.with_maintenance, seen.window
    rows: list[tuple[Message, Scalar | Message]] = [
        (msg("Window start"), moment(window.start)),
        (msg("Window end"), moment(window.end)),
        (msg("As of"), moment(window.as_of)),
        (msg("Good"), counted.good),
        (msg("Bad"), counted.bad),
        (msg("Total"), counted.total),
        (msg("SLI, %"), None if counted.share is None else percent(counted.share)),
        (msg("Measured minutes"), counted.measured_min),
        (msg("Coverage, %"), round(100 * counted.coverage, 3)),
        (msg("Minutes excluded for maintenance"), seen.excluded_min),
        (msg("SLI including maintenance, %"), None if whole.share is None else percent(whole.share)),
        *budget_rows(objective, seen.budget),
    ]
    return Table(msg("Figures of the objective"), (msg("Figure"), msg("Value")), tuple(rows))


def budget_rows(objective: Measured, budget: Budget | None) -> list[tuple[Message, Scalar | Message]]:
    """A budget in words: in minutes for timeslices, in expected requests otherwise."""
    if budget is None:
        return [(msg("Error budget"), None)]
    unit = msg("Error budget of the SLO window, minutes") if is_sliced(objective) else msg("Error budget, requests")
    return [
        (unit, round(budget.whole, 3)),
        (msg("Spent of the whole budget, %"), round(100 * budget.spent, 1)),
        (msg("Spent of the elapsed share, %"), round(100 * budget.spent_so_far, 1)),
        (msg("Burn rate"), round(budget.burn, 3)),
        (msg("Runs out"), ends(budget)),
    ]


def ends(budget: Budget) -> Scalar | Message:
    """When a budget runs out."""
    if budget.spent >= 1:
        return msg("exhausted")
    return msg("not at this rate") if budget.ends_at is None else moment(budget.ends_at)


def _by_module(objective: Measured, seen: ObjectiveState, modules: Mapping[str, Tally]) -> tuple[Evidence, ...]:
    if not modules:
        return ()
    rows = tuple(
        (
            name,
            tally.total,
            tally.bad,
            None if tally.share is None else percent(tally.share),
            round(100 * tally.bad / seen.budget.whole, 1) if seen.budget is not None and seen.budget.whole else None,
        )
        for name, tally in sorted(modules.items(), key=lambda item: -item[1].bad)
    )
    columns = (msg("Module"), msg("Total"), msg("Bad"), msg("SLI, %"), msg("Spent of the whole budget, %"))
    return (Table(msg("By module"), columns, rows),)
