"""Times in which something did not work: recorded outages and measured downtime, merged, with how long they took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median, quantiles

from tasks.slo.facts import Outage
from tasks.slo.minutes import Span
from tasks.slo.windows import at_minute, minute_of

GAP_MIN = 5
"""Down minutes apart by no more than this are one incident."""
FEWEST_FOR_P90 = 10
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
    """Recorded outages, and spans of measured downtime that no record touches.

    A span that reaches up to `as_of` goes on.
    """
    recorded = merged(
        Incident(o.started_at, o.ended_at, (o.cause,), () if o.module is None else (o.module,)) for o in outages
    )
    measured = (
        Incident(at_minute(start), None if at_minute(end) >= as_of else at_minute(end), (), ()) for start, end in down
    )
    alone = [m for m in measured if not any(r.spans(m.started_at, m.ended_at or as_of) for r in recorded)]
    return tuple(sorted((*recorded, *alone), key=lambda i: i.started_at))


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
