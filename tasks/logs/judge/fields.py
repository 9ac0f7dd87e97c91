"""Whether the lines of a log have the fields that are read from them, and still do."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.check_result import Message, moment, msg
from tasks.logs.facts import SourceLines

CHECKED_LINES = 1000
"""A field that none of this many lines has is missing."""
USUAL_SHARE = {"level": 0.5, "status": 0.95}
"""A field that so many lines have is written in every line of a kind: it does not stay away by chance. A status does,
where jobs write at night: its share is that of a log of requests alone."""
_COUNTED = ("timestamp", "status", "duration")
"""Fields that are counted in every line, and so in the period itself."""
_LEVEL, _STATUS = "level", "status"
_ERROR_FIELDS = (_LEVEL, "error", _STATUS)

FieldHours = Sequence[tuple[datetime, Mapping[str, int]]]
"""Hours, oldest first, and how many of their checked lines have each field."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Checked lines of consecutive hours, none of which has some fields."""

    since: datetime
    until: datetime
    lines: int


def missing_field(lines: SourceLines, mapped: Sequence[str], since: datetime) -> Message | None:
    """Which field no line has, of the mapped ones, of those that show errors, or of those that lines had before."""
    by_hour = sorted(lines.fields.items())
    absent = {name: _absent(by_hour, (name,), since) for name in mapped if name not in _COUNTED}
    if missing := [name for name, checked in absent.items() if checked >= CHECKED_LINES]:
        return msg(
            "None of {lines} checked lines has {fields}: correct [logs.source.fields]",
            lines=min(absent[name] for name in missing),
            fields=", ".join(missing),
        )
    if (checked := _absent(by_hour, _ERROR_FIELDS, since)) >= CHECKED_LINES and not _holds(by_hour, _ERROR_FIELDS):
        return msg(
            "None of {lines} checked lines has a level, an error or a status, so errors would go unnoticed: set "
            "level or error in [logs.source.fields]",
            lines=checked,
        )
    if (lost := _lost_field(by_hour, since, _LEVEL)) is not None:
        return lost
    # Once there is a week of log, an hour without a status is compared with those of the days before.
    is_young = not any(hour.usual for hour in lines.hours)
    return _lost_field(by_hour, by_hour[-1][0], _STATUS) if is_young and _STATUS in mapped and by_hour else None


def _absent(by_hour: FieldHours, names: Collection[str], since: datetime) -> int:
    """How many lines up to the end of the period have none of the fields, if no line of the period has one."""
    period = [counts for hour, counts in by_hour if hour >= since]
    if not period or any(counts.get(name) for counts in period for name in names):
        return 0
    return max((s.lines for s in _stretches(by_hour, names) if s.until > since), default=0)


def _lost_field(by_hour: FieldHours, since: datetime, name: str) -> Message | None:
    """The longest stretch without a field that reaches beyond `since`, in a log of which most lines have it."""
    having = [counts for _, counts in by_hour if counts.get(name)]
    if _sum(having, name) < USUAL_SHARE[name] * _sum(having, "") or not having:
        return None
    lost = [s for s in _stretches(by_hour, (name,)) if s.until > since and s.lines >= CHECKED_LINES]
    if not lost:
        return None
    longest = max(lost, key=lambda stretch: stretch.lines)
    return msg(
        "None of {lines} lines checked from {since} to {until} has {field}, which most lines have: if a release "
        "changed the log format, correct [logs.source.fields]",
        lines=longest.lines,
        since=moment(longest.since),
        until=moment(longest.until),
        field=name,
    )


def _stretches(by_hour: FieldHours, names: Collection[str]) -> list[_Stretch]:
    found: list[_Stretch] = []
    before: _Stretch | None = None
    for hour, counts in by_hour:
        if any(counts.get(name) for name in names):
            before = None
            continue
        since, lines = (hour, 0) if before is None else (before.since, before.lines)
        before = _Stretch(since, hour + timedelta(hours=1), lines + counts.get("", 0))
        found.append(before)
    return found


def _holds(by_hour: FieldHours, names: Collection[str]) -> bool:
    return any(counts.get(name) for _, counts in by_hour for name in names)


def _sum(counts: Iterable[Mapping[str, int]], name: str) -> int:
    return sum(hour.get(name, 0) for hour in counts)
