"""Deploys, outages and maintenance windows from a CSV file: all of its lines, or none."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tasks.history.engine import History
from tasks.observation import printable
from tasks.records.csv_file import read_lines
from tasks.records.facts import Deploy, Maintenance, Origin, Outage
from tasks.records.rules import RecordRefused
from tasks.records.store.records import Record
from tasks.records.store.writer import Written, recording
from tasks.records.words import parse_outcome, parse_time
from tasks.settings import Settings

_MOST_PROBLEMS = 20
_NOTHING = "nothing was imported"


@dataclass(frozen=True, slots=True)
class _CsvRow:
    """A line's cells by column, and what they are read with: the service's zone, who imports, and when."""

    cells: Mapping[str, str]
    settings: Settings
    by: str
    now: datetime

    def time(self, column: str) -> datetime | None:
        """A cell's instant; None if it is empty."""
        return parse_time(self.cells[column], self.settings.zone, column) if self.cells[column] else None

    def needed(self, column: str) -> datetime:
        """A cell's instant."""
        if (at := self.time(column)) is None:
            raise RecordRefused("a time is required", column)
        return at


def _deploy(line: _CsvRow) -> Deploy:
    return Deploy(
        version=line.cells["version"],
        environment=line.cells["environment"] or line.settings.service.environment,
        started_at=line.needed("started_at"),
        ended_at=line.time("ended_at"),
        outcome=parse_outcome(line.cells["outcome"]),
        origin=Origin.RECORDED,
        commit_at=line.time("commit_at"),
    )


def _outage(line: _CsvRow) -> Outage:
    incident = line.cells["incident_id"]
    if incident and not (incident.isascii() and incident.isdecimal() and len(incident) <= 10):
        raise RecordRefused(f"{printable(incident, 40)!r} is not an incident number such as 17", "incident_id")
    return Outage(
        started_at=line.needed("started_at"),
        ended_at=line.time("ended_at"),
        module=line.cells["module"] or None,
        cause=line.cells["cause"],
        incident_id=int(incident) if incident else None,
    )


def _maintenance(line: _CsvRow) -> Maintenance:
    declared_at = line.time("declared_at") or line.now
    if declared_at > line.now:
        raise RecordRefused("the registration time must not be in the future", "declared_at")
    by = line.cells["declared_by"] or line.by
    return Maintenance(
        starts_at=line.needed("starts_at"),
        ends_at=line.needed("ends_at"),
        module=line.cells["module"] or None,
        reason=line.cells["reason"],
        declared_at=declared_at,
        # The report must show that only the file says when it was registered.
        declared_by=f"{by[:70]} (CSV)" if line.cells["declared_at"] else by,
        late_reason=line.cells["late_reason"],
    )


@dataclass(frozen=True, slots=True)
class _RecordKind:
    """The columns of a file, and how a line of it is read."""

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    read: Callable[[_CsvRow], Record]


_KINDS: Mapping[str, _RecordKind] = {
    "deploys": _RecordKind(("version", "started_at", "outcome"), ("environment", "commit_at", "ended_at"), _deploy),
    "outages": _RecordKind(("started_at", "cause"), ("ended_at", "module", "incident_id"), _outage),
    "maintenance": _RecordKind(
        ("starts_at", "ends_at", "reason"), ("module", "declared_at", "declared_by", "late_reason"), _maintenance
    ),
}


def import_records(
    history: History, settings: Settings, kind: str, file: Path, by: str, now: datetime
) -> Mapping[Written, int]:
    """Keep every line of a file, or none: how many were new, corrected and there already.

    Raises RecordRefused naming the lines and columns that cannot be used, and HistoryError if the database fails.
    """
    if kind not in _KINDS:
        raise RecordRefused(f"{printable(kind, 40)!r} cannot be imported; allowed: {', '.join(_KINDS)}")
    known = _KINDS[kind]
    columns = (*known.needed, *known.optional)
    counts: Counter[Written] = Counter()
    problems: list[str] = []
    numbers: dict[tuple[object, ...], int] = {}
    try:
        lines = read_lines(file, columns, known.needed)
    except RecordRefused as error:
        raise RecordRefused(_problem_text([str(error)])) from None
    with recording(history, settings.service.name, by, now, settings.known_modules()) as writer:
        for line in lines:
            try:
                record = known.read(_CsvRow(line.named(columns), settings, by, now))
                if (before := numbers.setdefault(_key(record), line.number)) != line.number:
                    text = f"the same record as line {before}: keep one of them"
                    raise RecordRefused(text, known.needed[0])
                counts[writer.put(record)] += 1
            except RecordRefused as error:
                column = f"{error.column}: " if error.column else ""
                problems.append(f"{file}:{line.number}: {column}{error}")
        if problems:
            raise RecordRefused(_problem_text(problems))
    return counts


def _key(record: Record) -> tuple[object, ...]:
    """What names a record in the history."""
    match record:
        case Deploy():
            return record.environment, record.version, record.started_at
        case Outage():
            return record.module, record.started_at
        case Maintenance():
            return record.module, record.starts_at, record.ends_at


def _problem_text(problems: Sequence[str]) -> str:
    more = [f"and {len(problems) - _MOST_PROBLEMS} more"] if len(problems) > _MOST_PROBLEMS else []
    return "\n".join([*problems[:_MOST_PROBLEMS], *more, _NOTHING])
