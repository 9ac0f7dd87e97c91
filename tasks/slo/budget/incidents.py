"""Times in which something did not work: recorded outages and measured downtime, merged, with how long they took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median, quantiles

from tasks.records.facts import Outage
from tasks.slo.sli.minutes import Span
from tasks.slo.windows import at_minute, minute_of

GAP_MIN = 5
"""Down minutes apart by no more than this are one incident."""
FEWEST_FOR_P90 = 10
_UNSTORED_MIN = 2
_HALF = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Incident:
    """Overlapping outages as one; without `causes` it was measured and nobody recorded it. `ended_at` None: ongoing."""

    started_at: datetime
    ended_at: datetime | None
    causes: tuple[str, ...]
    modules: tuple[str, ...]

    @property
    def recorded(self) -> bool:
        """True when somebody recorded any of it."""
        return bool(self.causes)

    def minutes(self, now: datetime) -> float:
        """How long it took, or has been taking."""
        return ((self.ended_at or now) - self.started_at) / timedelta(minutes=1)

    def spans(self, start: datetime, end: datetime) -> bool:
        """True when any of it lies between two instants."""
        return self.started_at < end and (self.ended_at is None or self.ended_at > start)


def merged(incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Incidents in order of time, overlapping ones as one: no minute is counted twice."""
    found: list[Incident] = []
    for incident in sorted(incidents, key=lambda i: i.started_at):
        last = found[-1] if found else None
        if last is None or (last.ended_at is not None and incident.started_at > last.ended_at):
            found.append(incident)
            continue
        ends = None if last.ended_at is None or incident.ended_at is None else max(last.ended_at, incident.ended_at)
        causes = tuple(dict.fromkeys((*last.causes, *incident.causes)))
        found[-1] = replace(
            last, ended_at=ends, causes=causes, modules=tuple(dict.fromkeys((*last.modules, *incident.modules)))
        )
    return tuple(found)


def incidents_of(outages: Sequence[Outage], down: Sequence[Span], as_of: datetime) -> tuple[Incident, ...]:
    """Recorded outages, and what of measured downtime no record explains.

    A span goes on that reaches up to the last minutes before `as_of`, whose probes may not be stored yet.
    """
    recorded = merged(
        Incident(o.started_at, o.ended_at, (o.cause,), () if o.module is None else (o.module,)) for o in outages
    )
    newest = minute_of(as_of) - _UNSTORED_MIN
    measured = (
        Incident(at_minute(start), None if end >= newest else at_minute(end), (), ())
        for span in down
        for start, end in _unexplained(span, recorded, as_of)
    )
    return tuple(sorted((*recorded, *measured), key=lambda i: i.started_at))


def _unexplained(span: Span, recorded: Sequence[Incident], as_of: datetime) -> list[Span]:
    """The parts of a span that lie further from every recorded outage than minutes of one incident lie apart."""
    parts = [span]
    for incident in recorded:
        first = minute_of(incident.started_at) - GAP_MIN
        last = minute_of(incident.ended_at or as_of) + 1 + GAP_MIN
        cut = (piece for start, end in parts for piece in ((start, min(end, first)), (max(start, last), end)))
        parts = [(start, end) for start, end in cut if start < end]
    return parts


def down_spans(outages: Iterable[Outage], module: str | None, as_of: datetime) -> list[Span]:
    """The minutes of which recorded outages took at least half: those of the service, and those of a module."""
    return [
        (minute_of(o.started_at + _HALF), minute_of((o.ended_at or as_of) + _HALF))
        for o in outages
        if o.module is None or o.module == module
    ]


@dataclass(frozen=True, slots=True)
class Durations:
    """How long things took, in minutes; p90 only of ten or more. Of none, only `n` is known."""

    n: int
    median_min: float | None
    p90_min: float | None
    longest_min: float | None


def durations(minutes: Sequence[float]) -> Durations:
    """The distribution of durations: no bare mean, which one long night would rule."""
    if not minutes:
        return Durations(0, None, None, None)
    p90 = quantiles(minutes, n=10, method="inclusive")[-1] if len(minutes) >= FEWEST_FOR_P90 else None
    return Durations(len(minutes), median(minutes), p90, max(minutes))
