"""Judges when resources are full, each on its own and all of them in the order in which they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tasks.bounds import Bound, Part, judge_worst
from tasks.capacity.checks import FORECAST
from tasks.capacity.forecast.outlook import Outlook, Passage
from tasks.capacity.judge.words import OWN, chart, details, growth_words, percent, short, shown_day, when
from tasks.capacity.limits import CapacityLimits
from tasks.capacity.resources import Resource
from tasks.check_result import Check, CheckResult, Evidence, Message, Quantity, Status, Table, msg
from tasks.observation import Unobserved

SERVICE = "service"
_MOST_CHARTS = 4
_BADNESS = (Status.PASS, Status.WARN, Status.FAIL)
_NO_LIMIT = msg("no limit is set")


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A resource that has an outlook and a limit."""

    resource: Resource
    outlook: Outlook
    passage: Passage

    @property
    def rank(self) -> tuple[bool, date, float, float]:
        """The first to be full first."""
        return not self.outlook.full, self.passage.dates[1] or date.max, -self.passage.later, -self.passage.soon


def judge_resources(
    resources: Sequence[Resource], limits: CapacityLimits, zone: ZoneInfo, now: datetime
) -> tuple[CheckResult, ...]:
    """The order in which resources are full, then each of them in that order."""
    order = ranked(resources)
    known = [entry.resource for entry in order]
    rest = [resource for resource in resources if resource not in known]
    each = tuple(judge_resource(resource, limits, now) for resource in (*known, *rest))
    return (_judge_order(order, rest, each, limits, zone, now), *each) if each else ()


def judge_resource(resource: Resource, limits: CapacityLimits, now: datetime) -> CheckResult:
    """How likely one resource is full within 30 and 90 days; SKIPPED where it has no limit."""
    outlook, unit = resource.outlook, resource.kind.unit
    if isinstance(outlook, Unobserved):
        return FORECAST.judged(Status.UNKNOWN, resource.subject, outlook.reason, at=now)
    evidence = (details(outlook, unit),)
    if outlook.passage is None:
        reason = msg(
            "No limit is known ([capacity.limits] database_gb): growth is {growth} {unit} a day",
            growth=short(outlook.growth_per_day),
            unit=unit,
        )
        seen = Quantity(short(outlook.now), unit)
        return FORECAST.judged(Status.SKIPPED, resource.subject, reason, at=now, observed=seen, evidence=evidence)
    return judge_passage(FORECAST, resource.subject, outlook, unit, limits, now, evidence)


def judge_passage(
    check: Check,
    subject: str,
    outlook: Outlook,
    unit: str,
    limits: CapacityLimits,
    now: datetime,
    evidence: tuple[Evidence, ...],
) -> CheckResult:
    """The probabilities of an outlook by their limits; what is at its limit now fails whatever they are."""
    passage, full = outlook.passage, outlook.limit
    assert passage is not None and full is not None
    reason = when(passage, full=outlook.full, now=outlook.now, limit=full, unit=unit)
    soon, later = Bound("%", OWN, fail=limits.fail_30_days_percent), Bound("%", OWN, warn=limits.warn_90_days_percent)
    if outlook.full:
        limit, observed = soon.limit(), Quantity(percent(passage.soon), "%")
        return check.judged(Status.FAIL, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)
    parts = (Part(percent(passage.later), later, reason), Part(percent(passage.soon), soon, reason))
    return judge_worst(check, parts, subject, now, evidence)


def ranked(resources: Sequence[Resource]) -> list[_Ranked]:
    """The resources that can be forecast up to a limit, the first to be full first."""
    found = [
        _Ranked(resource, outlook, outlook.passage)
        for resource in resources
        if isinstance(outlook := resource.outlook, Outlook) and outlook.passage is not None
    ]
    return sorted(found, key=lambda entry: entry.rank)


def _judge_order(
    order: Sequence[_Ranked],
    rest: Sequence[Resource],
    each: Sequence[CheckResult],
    limits: CapacityLimits,
    zone: ZoneInfo,
    now: datetime,
) -> CheckResult:
    """As bad as the worst resource; green only where every one that was asked for is known."""
    evidence = (*_charts(order, zone), _table(order, rest))
    statuses = {result.status for result in each}
    unknown = sum(result.status is Status.UNKNOWN for result in each)
    if order and Status.FAIL not in statuses and unknown:
        text = msg("{n} of {all} resources cannot be forecast", n=unknown, all=len(each))
        return FORECAST.judged(Status.UNKNOWN, SERVICE, text, at=now, evidence=evidence)
    if not order:
        status = Status.UNKNOWN if unknown else Status.SKIPPED
        text = msg("No resource can be forecast up to a limit")
        return FORECAST.judged(status, SERVICE, text, at=now, evidence=evidence)
    first = order[0]
    judged = max(each, key=lambda result: _BADNESS.index(result.status) if result.status.measured else -1)
    name, day = first.resource.subject, first.passage.dates[1]
    if first.outlook.full:
        reason = msg("{name} is at its limit now", name=name)
    elif day is None:
        reason = msg("No resource is likely to reach its limit within a year; the first would be {name}", name=name)
    else:
        reason = msg("{name} is the first to reach its limit: on {day}", name=name, day=day.isoformat())
    return FORECAST.judged(
        judged.status, SERVICE, reason, at=now, observed=judged.observed, limit=judged.limit, evidence=evidence
    )


def _charts(order: Sequence[_Ranked], zone: ZoneInfo) -> tuple[Evidence, ...]:
    return tuple(
        chart(
            msg("{name}: measured and forecast", name=entry.resource.subject),
            when(
                entry.passage,
                full=entry.outlook.full,
                now=entry.outlook.now,
                limit=entry.outlook.limit or 0.0,
                unit=entry.resource.kind.unit,
            ),
            entry.outlook,
            entry.resource.kind.unit,
            zone,
        )
        for entry in order[:_MOST_CHARTS]
    )


def _table(order: Sequence[_Ranked], rest: Sequence[Resource]) -> Table:
    columns = (
        msg("Resource"),
        msg("What to do"),
        msg("Now"),
        msg("Limit"),
        msg("Growth"),
        msg("10 % by"),
        msg("50 % by"),
        msg("90 % by"),
        msg("Within 30 days, %"),
        msg("Within 90 days, %"),
    )
    rows = (*(_row(entry) for entry in order), *(_other_row(resource) for resource in rest))
    return Table(msg("What reaches its limit first"), columns, rows)


def _row(entry: _Ranked) -> tuple[str | float | Message | None, ...]:
    resource, outlook, passage = entry.resource, entry.outlook, entry.passage
    unit = resource.kind.unit
    days = tuple(day if isinstance(day := shown_day(d), str | Message) else None for d in passage.dates)
    return (
        resource.subject,
        msg("nothing within a year") if passage.dates[1] is None else resource.kind.advice,
        _with_unit(outlook.now, unit),
        None if outlook.limit is None else _with_unit(outlook.limit, unit),
        growth_words(outlook, unit),
        *days,
        percent(passage.soon),
        percent(passage.later),
    )


def _with_unit(value: float, unit: str) -> Message:
    return msg("{value} {unit}", value=short(value), unit=unit)


def _other_row(resource: Resource) -> tuple[str | float | Message | None, ...]:
    outlook, unit = resource.outlook, resource.kind.unit
    if isinstance(outlook, Unobserved):
        limit = None if resource.limit is None else _with_unit(resource.limit, unit)
        return (resource.subject, outlook.reason, None, limit, *(None,) * 6)
    return (resource.subject, None, _with_unit(outlook.now, unit), _NO_LIMIT, growth_words(outlook, unit), *(None,) * 5)
