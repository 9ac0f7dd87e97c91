"""What the history has around an incident: the affected figures minute by minute, and the uptime that it used."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

import numpy as np

from tasks.check_result import Curve, Mark, msg
from tasks.history.engine import History
from tasks.incidents.facts import Affected, Impact, IncidentRecord
from tasks.incidents.judge.curves import curve_of, marks_of, span_of
from tasks.periods import month_period
from tasks.records.store.records import read_deploys
from tasks.samples.store.minutes import Series, read_recent
from tasks.settings import Settings
from tasks.slo.budget.incidents import down_spans
from tasks.slo.budget.state import excluded_minutes
from tasks.slo.facts import Minutes, Scope
from tasks.slo.look import objectives_of, read_slis
from tasks.slo.review import whole_uptime
from tasks.slo.sli.indicators import minutes_of
from tasks.slo.sli.minutes import tally
from tasks.slo.sli.unmeasured import hours_of
from tasks.slo.store.minutes import read_traffic
from tasks.slo.windows import at_minute, minute_of

_MOST_SUBJECTS, _MOST_CURVES = 4, 10


def usual_figures(settings: Settings) -> tuple[Affected, ...]:
    """What an incident is likely to show in, where no alert says what it is about."""
    cpu, latency = settings.resources, None if settings.health is None else settings.health.limits.max_latency_ms
    return (
        Affected("probe.ready", limit=1.0, worse="under"),
        Affected("probe.live", limit=1.0, worse="under"),
        Affected("probe.ready.latency", limit=latency),
        Affected("cpu.used", limit=None if cpu is None else cpu.limits.warn_cpu_percent),
    )


def read_curves(
    history: History, settings: Settings, record: IncidentRecord, affected: Sequence[Affected], now: datetime
) -> tuple[Curve, ...]:
    """The affected figures around the incident, else the usual ones, and requests with their errors by minute.

    Raises HistoryError.
    """
    name, span = settings.service.name, span_of(record.incident, now)
    deploys = read_deploys(history, name, at_minute(span[0]), at_minute(span[1]))
    marks = marks_of(record, deploys, span)
    shown: set[Series] = set()
    curves = [
        curve
        for one in affected or usual_figures(settings)
        for curve in _samples(history, name, one, span, marks, shown)
    ]
    return (*curves[: _MOST_CURVES - 2], *_requests(history, settings, record, span, marks, now))


def _samples(
    history: History, service: str, one: Affected, span: tuple[int, int], marks: tuple[Mark, ...], shown: set[Series]
) -> Iterator[Curve]:
    """The series that are not shown yet; those of an instance may be those of the whole service."""
    found = read_recent(history, service, (one.sample,), *span)
    mine = sorted(series for series in found if fnmatchcase(series[1], one.subject) and series not in shown)
    for series in mine[:_MOST_SUBJECTS]:
        shown.add(series)
        _, subject, unit = series
        title = msg("{sample} of {subject}", sample=one.sample, subject=subject)
        yield curve_of(title, unit, dict(found[series]), span, marks, one.limit, one.worse)


def _requests(
    history: History,
    settings: Settings,
    record: IncidentRecord,
    span: tuple[int, int],
    marks: tuple[Mark, ...],
    now: datetime,
) -> Iterator[Curve]:
    """Requests and server errors of the module, or of the service, from the counted log lines."""
    if "logs" not in settings.sources_of_requests():
        return
    scope = Scope(record.incident.module)
    traffic = read_traffic(
        history,
        settings.service.name,
        {scope},
        (),
        span,
        quiet_min=settings.logs.limits.max_quiet_min,
        read_to=minute_of(now),
        hours=hours_of(*span, settings.zone),
    )[scope]
    known = [int(place) for place in np.flatnonzero(traffic.measured)]
    if known:
        for title, counts in (
            (msg("Requests by minute"), traffic.valid),
            (msg("Server errors by minute"), traffic.bad),
        ):
            yield curve_of(title, "", {span[0] + n: float(counts[n]) for n in known}, span, marks)


async def read_impact(history: History, settings: Settings, record: IncidentRecord, now: datetime) -> Impact:
    """The minutes of uptime that an incident used, and a month's budget of them.

    Raises HistoryError.
    """
    incident, whole = record.incident, whole_uptime(objectives_of(settings))
    if whole is None:
        return Impact(None, None)
    end = incident.resolved_at or now
    span = minute_of(incident.impact_at), max(minute_of(end) + 1, minute_of(incident.impact_at) + 1)
    month = month_period(incident.detected_at.astimezone(settings.zone).date(), settings.zone)
    budget = (1 - whole.target) * (minute_of(month.end) - minute_of(month.start))
    data = await read_slis(history, settings, (whole,), span, minute_of(now))
    seen = minutes_of(whole, data, down_spans(data.outages, whole.scope.module, end))
    if not isinstance(seen, Minutes):
        return Impact(None, budget)
    counted = tally(seen, span, excluded_minutes(whole, seen, data.maintenance))
    unmeasured = counted.expected_min - counted.measured_min
    return Impact(counted.bad if counted.measured_min else None, budget, unmeasured)
