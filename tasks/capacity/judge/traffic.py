"""Judges when the peak of traffic reaches the load that was tested, and how far below it is now."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tasks.capacity.checks import HEADROOM, TRAFFIC
from tasks.capacity.forecast.outlook import Outlook, look_ahead
from tasks.capacity.judge.held import HeldLoad
from tasks.capacity.judge.resources import SERVICE, judge_passage
from tasks.capacity.judge.words import chart, details, growth_words, short, when
from tasks.capacity.limits import CapacityLimits
from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.observation import Absent, Unobserved
from tasks.samples.facts import DailySeries

PEAK_DAYS: Final = 28
_UNIT = "/s"
_MODULE = "module:"
_MULTIPLE = msg("[load.limits] min_headroom")
_MOST_CHARTS = 4


def judge_traffic(
    peaks: Sequence[DailySeries],
    tested: HeldLoad | Unobserved | Absent,
    as_of: date,
    limits: CapacityLimits,
    zone: ZoneInfo,
    now: datetime,
) -> tuple[CheckResult, ...]:
    """The peak of the whole service and of every module against the load that it held."""
    ordered = sorted(peaks, key=lambda series: (series.subject != SERVICE, series.subject))
    charted = [series.subject for series in ordered[:_MOST_CHARTS]]
    return tuple(
        _judge_peak(series, tested, as_of, limits, zone if series.subject in charted else None, now)
        for series in ordered
    )


def _judge_peak(
    series: DailySeries,
    tested: HeldLoad | Unobserved | Absent,
    as_of: date,
    limits: CapacityLimits,
    zone: ZoneInfo | None,
    now: datetime,
) -> CheckResult:
    subject = series.subject
    limit = _held(tested, subject)
    days = [(day.day, day.high) for day in series.days]
    outlook = look_ahead(days, limit if isinstance(limit, float) else None, as_of, limits, accumulates=False)
    evidence: tuple[Evidence, ...] = () if isinstance(outlook, Unobserved) else _evidence(outlook, subject, zone)
    if isinstance(limit, Absent | Unobserved):
        status = Status.SKIPPED if isinstance(limit, Absent) else Status.UNKNOWN
        return TRAFFIC.judged(status, subject, limit.reason, at=now, evidence=evidence)
    if isinstance(outlook, Unobserved):
        return TRAFFIC.judged(Status.UNKNOWN, subject, outlook.reason, at=now)
    judged = judge_passage(TRAFFIC, subject, outlook, _UNIT, limits, now, evidence)
    assert isinstance(tested, HeldLoad)
    if tested.at_least and judged.status is not Status.PASS:
        return TRAFFIC.judged(Status.UNKNOWN, subject, _only_known_to(limit), at=now, evidence=evidence)
    return judged


def judge_headroom(
    peaks: Sequence[DailySeries],
    tested: HeldLoad | Unobserved | Absent,
    as_of: date,
    limits: CapacityLimits,
    min_headroom: float,
    configured: bool,
    now: datetime,
) -> CheckResult:
    """Tested capacity as a multiple of the production peak of 28 days."""
    if isinstance(tested, Absent | Unobserved):
        blind = configured or isinstance(tested, Unobserved)
        return HEADROOM.judged(Status.UNKNOWN if blind else Status.SKIPPED, SERVICE, tested.reason, at=now)
    limit = Limit("≥", min_headroom, "×", _MULTIPLE)
    recent = [
        day
        for series in peaks
        if series.subject == SERVICE
        for day in series.days
        if as_of - timedelta(days=PEAK_DAYS) <= day.day < as_of
    ]
    if len(recent) < limits.min_peak_days:
        few = msg(
            "The logs have requests of {n} of the last {all} days ({needed} needed): the peak is not known",
            n=len(recent),
            all=PEAK_DAYS,
            needed=limits.min_peak_days,
        )
        return HEADROOM.judged(Status.UNKNOWN, SERVICE, few, at=now, limit=limit)
    busiest = max(recent, key=lambda day: day.high)
    headroom = round(tested.per_second / busiest.high, 2)
    table = _headroom_table(tested, busiest.day, busiest.high)
    if headroom < min_headroom and tested.at_least:
        reason = _only_known_to(tested.per_second)
        return HEADROOM.judged(Status.UNKNOWN, SERVICE, reason, at=now, limit=limit, evidence=(table,))
    reason = msg(
        "Held {rate}/s in the load test of {at}; production peak {peak}/s on {day}",
        rate=short(tested.per_second),
        at=moment(tested.at),
        peak=short(busiest.high),
        day=busiest.day.isoformat(),
    )
    status = Status.WARN if headroom < min_headroom else Status.PASS
    observed = Quantity(headroom, "×")
    return HEADROOM.judged(status, SERVICE, reason, at=now, observed=observed, limit=limit, evidence=(table,))


def _held(tested: HeldLoad | Unobserved | Absent, subject: str) -> float | Unobserved | Absent:
    """The load that a module, or the whole service, held."""
    if not isinstance(tested, HeldLoad):
        return tested
    if subject == SERVICE:
        return tested.per_second
    rate = tested.modules.get(subject.removeprefix(_MODULE), 0.0)
    return rate or Absent(msg("The load test has no requests of this module"))


def _only_known_to(rate: float) -> Message:
    return msg(
        "The load test did not look for the limit: only {rate}/s are known to be held. Run one that does",
        rate=short(rate),
    )


def _evidence(outlook: Outlook, subject: str, zone: ZoneInfo | None) -> tuple[Evidence, ...]:
    table = details(outlook, _UNIT)
    if zone is None:
        return (table,)
    finding = growth_words(outlook, _UNIT)
    if (passage := outlook.passage) is not None and outlook.limit is not None:
        finding = when(passage, full=outlook.full, now=outlook.now, limit=outlook.limit, unit=_UNIT)
    return (chart(msg("{name}: daily peak and forecast", name=subject), finding, outlook, _UNIT, zone), table)


def _headroom_table(tested: HeldLoad, day: date, peak: float) -> Table:
    rows: list[tuple[Message, Scalar | Message]] = [
        (msg("Load test of"), moment(tested.at)),
        (msg("Virtual users of the highest step that met the SLO"), tested.users),
        (msg("Requests/s that met the SLO"), short(tested.per_second)),
        *(
            (msg("of them module {name}, requests/s", name=name), short(rate))
            for name, rate in sorted(tested.modules.items())
        ),
        (msg("Production peak of the last {days} days, requests/s", days=PEAK_DAYS), short(peak)),
        (msg("Day of the peak"), day.isoformat()),
    ]
    if tested.at_least:
        rows.append((msg("Remark"), msg("The test did not look for the limit, which may be higher")))
    return Table(msg("Tested load and production peak"), (msg("Figure"), msg("Value")), tuple(rows))
