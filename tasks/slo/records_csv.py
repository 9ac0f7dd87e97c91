"""Deploys, outages and maintenance windows from a CSV file: all of its lines, or none."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tasks.history.engine import History
from tasks.observation import shown
from tasks.settings import Settings
from tasks.slo.facts import Deploy, Maintenance, Origin, Outage
from tasks.slo.record_words import parse_outcome, parse_time
from tasks.slo.records import RecordRefused
from tasks.slo.store_book import Written, recording
from tasks.slo.store_records import Record

_MOST_TOLD = 20
_NOTHING = "nothing was imported"


@dataclass(frozen=True, slots=True)
class _Line:
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
            raise RecordRefused("a time is needed here", column)
        return at


def _deploy(line: _Line) -> Deploy:
    return Deploy(
        version=line.cells["version"],
        environment=line.cells["environment"] or line.settings.service.environment,
        started_at=line.needed("started_at"),
        ended_at=line.time("ended_at"),
        outcome=parse_outcome(line.cells["outcome"]),
        origin=Origin.RECORDED,
        commit_at=line.time("commit_at"),
    )


def _outage(line: _Line) -> Outage:
    incident = line.cells["incident_id"]
    if incident and not (incident.isascii() and incident.isdecimal() and len(incident) <= 10):
        raise RecordRefused(f"{shown(incident, 40)!r} is no number of an incident, such as 17", "incident_id")
    return Outage(
        started_at=line.needed("started_at"),
        ended_at=line.time("ended_at"),
        module=line.cells["module"] or None,
        cause=line.cells["cause"],
        incident_id=int(incident) if incident else None,
    )


def _maintenance(line: _Line) -> Maintenance:
    declared_at = line.time("declared_at") or line.now
    if declared_at > line.now:
        raise RecordRefused("a window is declared when it is recorded at the latest, not in the future", "declared_at")
    return Maintenance(
        starts_at=line.needed("starts_at"),
        ends_at=line.needed("ends_at"),
        module=line.cells["module"] or None,
        reason=line.cells["reason"],
        declared_at=declared_at,
        declared_by=line.cells["declared_by"] or line.by,
        late_reason=line.cells["late_reason"],
    )


_KINDS: Mapping[str, tuple[tuple[str, ...], Callable[[_Line], Record]]] = {
    "deploys": (("version", "environment", "commit_at", "started_at", "ended_at", "outcome"), _deploy),
    "outages": (("started_at", "ended_at", "module", "cause", "incident_id"), _outage),
    "maintenance": (
        ("starts_at", "ends_at", "module", "reason", "declared_at", "declared_by", "late_reason"),
        _maintenance,
    ),
}


def import_records(
    history: History, settings: Settings, kind: str, file: Path, by: str, now: datetime
) -> Mapping[Written, int]:
    """Keep every line of a file, or none: how many were new, corrected and there already.

    Raises RecordRefused naming the lines and columns that cannot be used, and HistoryError if the database fails.
    """
    if kind not in _KINDS:
        raise RecordRefused(f"there is nothing to import named {shown(kind, 40)!r}; there are: {', '.join(_KINDS)}")
    columns, read = _KINDS[kind]
    header, *rows = _rows(file) or [(1, [])]
    _refuse_header(file, header[1], columns)
    counts: Counter[Written] = Counter()
    problems: list[str] = []
    lines: dict[tuple[object, ...], int] = {}
    with recording(history, settings.service.name, by, now, settings.known_modules()) as book:
        for number, cells in rows:
            try:
                record = read(_Line(_named(header[1], cells), settings, by, now))
                if (before := lines.setdefault(_key(record), number)) != number:
                    raise RecordRefused(f"the line records the same as line {before}: keep one of them", columns[0])
                counts[book.put(record)] += 1
            except RecordRefused as error:
                column = f"{error.column}: " if error.column else ""
                problems.append(f"{file}:{number}: {column}{error}")
        if problems:
            raise RecordRefused(_told(problems))
    return counts


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    """The lines that hold anything, with the number at which each begins; raises RecordRefused."""
    found: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            raise RecordRefused(f"{file}:{number}: is not CSV: {error}; {_NOTHING}") from None
        if any(cells):
            found.append((number, cells))
    return found


def _named(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) != len(header):
        raise RecordRefused(f"the line has {len(cells)} cells, the first line {len(header)}")
    return dict(zip(header, cells, strict=True))


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RecordRefused(f"{file}: cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RecordRefused(f'{file}:{line}: is not UTF-8: save it as "CSV UTF-8"; {_NOTHING}') from None


def _refuse_header(file: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    unknown = [repr(shown(name, 40)) for name in header if name not in columns]
    missing = [name for name in columns if name not in header]
    twice = [name for name, times in Counter(header).items() if times > 1 and name in columns]
    wrong = (("unknown", unknown), ("missing", missing), ("twice", twice))
    if told := "; ".join(f"{what}: {', '.join(names)}" for what, names in wrong if names):
        raise RecordRefused(f"{file}:1: columns {told}. The first line is {','.join(columns)}; {_NOTHING}")


def _key(record: Record) -> tuple[object, ...]:
    """What names a record in the history."""
    match record:
        case Deploy():
            return record.environment, record.version, record.started_at
        case Outage():
            return record.module, record.started_at
        case Maintenance():
            return record.module, record.starts_at, record.ends_at


def _told(problems: Sequence[str]) -> str:
    more = [f"and {len(problems) - _MOST_TOLD} more"] if len(problems) > _MOST_TOLD else []
    return "\n".join([*problems[:_MOST_TOLD], *more, _NOTHING])
