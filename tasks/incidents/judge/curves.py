"""Figures around an incident as curves, with gaps where nothing was measured. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from tasks.check_result import Curve, Mark, Message, moment, msg
from tasks.incidents.facts import EntryKind, Incident, IncidentRecord
from tasks.records.facts import Deploy

BEFORE: Final = timedelta(hours=1)
AFTER: Final = timedelta(minutes=30)
MOST_POINTS = 720
_MOST_MARKS = 12
_WORDS: Final[Mapping[EntryKind, Message]] = {
    EntryKind.MITIGATED: msg("mitigated"),
    EntryKind.FIXED: msg("fixed"),
    EntryKind.RESOLVED: msg("resolved"),
    EntryKind.REOPENED: msg("reopened"),
    EntryKind.ACTION_RUN: msg("action"),
}


def span_of(incident: Incident, now: datetime) -> tuple[int, int]:
    """The minutes since 1970 that are shown: from an hour before the impact to half an hour after the end, or to the
    present minute.
    """
    start = min(incident.impact_at, incident.detected_at) - BEFORE
    end = min(now, (incident.resolved_at or now) + AFTER)
    return _minute(start), _minute(end) + 1


def marks_of(record: IncidentRecord, deploys: Iterable[Deploy], span: tuple[int, int]) -> tuple[Mark, ...]:
    """Deploys, the impact, and what was done about it, in order of time."""
    found = [(d.started_at, Mark(moment(d.started_at), d.version)) for d in deploys]
    found.append((record.incident.impact_at, Mark(moment(record.incident.impact_at), msg("impact"), "event")))
    found += [
        (entry.at, Mark(moment(entry.at), _WORDS[entry.kind], "event"))
        for entry in record.timeline
        if entry.kind in _WORDS
    ]
    inside = sorted(((at, mark) for at, mark in found if span[0] <= _minute(at) <= span[1]), key=lambda pair: pair[0])
    each_once = {(mark.at, str(mark.label)): mark for _, mark in inside}
    return tuple(each_once.values())[-_MOST_MARKS:]


def curve_of(
    title: Message,
    unit: str,
    figures: Mapping[int, float],
    span: tuple[int, int],
    marks: tuple[Mark, ...] = (),
    limit: float | None = None,
    worse: Literal["over", "under"] = "over",
) -> Curve:
    """The figures by minute; of a long time the worst one of several minutes. A minute without a figure is a gap.

    Before the first figure nothing is shown, nor a last minute whose figure has not come yet.
    """
    inside = [minute for minute in figures if span[0] <= minute < span[1]]
    if inside:
        span = min(inside), span[1] - ((span[1] - 1) not in figures)
    size = -(-(span[1] - span[0]) // MOST_POINTS)
    places = [range(first, min(first + size, span[1])) for first in range(span[0], span[1], size)]
    worst = max if worse == "over" else min
    values = tuple(
        worst(known) if (known := [figures[m] for m in minutes if m in figures]) else None for minutes in places
    )
    finding = _finding([value for value in values if value is not None], values.count(None), unit, limit)
    marks = tuple(mark for mark in marks if mark.at >= _moment(span[0]))
    at = tuple(_moment(minutes[0]) for minutes in places)
    return Curve(title, finding, unit, at, values, limit=limit, marks=marks, worse=worse)


def _finding(seen: Sequence[float], gaps: int, unit: str, limit: float | None) -> Message:
    if not seen:
        return msg("No figure is on record for this time")
    low, high = round(min(seen), 3), round(max(seen), 3)
    if not unit:
        if limit is None:
            return msg("{low} to {high}; parts without a figure: {gaps}", low=low, high=high, gaps=gaps)
        return msg(
            "{low} to {high}, limit {limit}; parts without a figure: {gaps}",
            low=low,
            high=high,
            limit=limit,
            gaps=gaps,
        )
    if limit is None:
        return msg("{low} to {high} {unit}; parts without a figure: {gaps}", low=low, high=high, unit=unit, gaps=gaps)
    return msg(
        "{low} to {high} {unit}, limit {limit} {unit}; parts without a figure: {gaps}",
        low=low,
        high=high,
        unit=unit,
        limit=limit,
        gaps=gaps,
    )


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)


def _moment(minute: int) -> str:
    return moment(datetime.fromtimestamp(60 * minute, UTC))
