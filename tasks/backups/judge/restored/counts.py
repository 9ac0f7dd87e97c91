"""Whether every table of a restored database has the expected number of rows."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from tasks.backups.checks import COUNTS
from tasks.backups.facts import Drill, PastDrill, TableContents
from tasks.backups.judge.restored.counted import Counted, Kind, tolerance
from tasks.backups.judge.restored.counted_tables import counted_tables
from tasks.backups.judge.restored.counted_words import match_message, mismatch_message, percent, word
from tasks.backups.judge.restored.expected import (
    BY_RECORD,
    bounded,
    brief,
    named,
    nothing_to_compare,
)
from tasks.backups.limits import BackupLimits
from tasks.backups.reasons import not_reached
from tasks.check_result import CheckResult, Limit, Quantity, Scalar, Status, Table, msg

_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS)


def judge_counts(
    subject: str, drill: Drill, limits: BackupLimits, now: datetime, past: Sequence[PastDrill] = ()
) -> CheckResult:
    """The rows of every table: as many as in the snapshot backed up, else about as many as the live one has.

    `past` are earlier drills: a table that never lost a row before is not expected to lose most of them.
    """
    copy = drill.contents
    if copy is None:
        return COUNTS.judged(Status.UNKNOWN, subject, not_reached(drill), at=now)
    if not copy.tables:
        limit = Limit("≥", 1, "", msg("at least one table"))
        reason = msg("The restored database has no tables")
        return COUNTS.judged(Status.FAIL, subject, reason, at=now, observed=Quantity(0), limit=limit)
    tables = counted_tables(drill, copy, past)
    if tables is None:
        reason, why = nothing_to_compare(drill)
        return COUNTS.judged(Status.UNKNOWN, subject, reason, at=now, evidence=why)
    if not tables:
        reason = msg("Nothing to compare with: the manifest or live database shows no tables")
        return COUNTS.judged(Status.UNKNOWN, subject, reason, at=now)
    return _compared(subject, tables, limits, now)


def _compared(subject: str, tables: Sequence[Counted], limits: BackupLimits, now: datetime) -> CheckResult:
    kinds = {table.name: table.kind(limits) for table in tables}
    status = min((kind.status for kind in kinds.values()), key=_WORST_FIRST.index)
    worst = min((kind for kind in kinds.values() if kind.status is status), key=lambda kind: kind.place)
    reason = match_message(tables, worst, limits)
    if status is not Status.PASS:
        figures = [_figures(table) for table in tables if kinds[table.name] is worst]
        reason = mismatch_message(worst, named(figures), limits)
    ordered = sorted(tables, key=lambda table: (kinds[table.name].place, -_rows(table.restored)))
    evidence = (_evidence([(table, kinds[table.name]) for table in ordered]),)
    observed, limit = Quantity(sum(_rows(table.restored) for table in tables)), _limit(tables, limits)
    return COUNTS.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _limit(tables: Sequence[Counted], limits: BackupLimits) -> Limit:
    expected = [(table.certain, _rows(table.expected)) for table in tables]
    if all(certain for certain, _ in expected):
        return Limit("=", sum(rows for _, rows in expected), "", BY_RECORD)
    least = sum(rows if certain else max(0, ceil(rows - tolerance(rows, limits))) for certain, rows in expected)
    less: dict[str, Scalar] = {"share": percent(limits), "rows": limits.max_difference_rows}
    source = msg("row counts recorded at another time, minus {share} % or {rows} rows per table", **less)
    if any(table.live for table in tables):
        source = msg("row counts of the live database, minus {share} % or {rows} rows per table", **less)
    return Limit("≥", least, "", source)


def _figures(table: Counted) -> str:
    """A table with its row count and the expected one, in signs that every language reads."""
    if table.restored is None or table.restored.rows == _rows(table.expected):
        return brief(table.name)
    about = "≈" if table.expected and not table.expected.exact else ""
    return f"{brief(table.name)} ({table.restored.rows} ≠ {about}{_rows(table.expected)})"


def _evidence(tables: Sequence[tuple[Counted, Kind]]) -> Table:
    columns = (msg("Table"), msg("Restored"), msg("Recorded in the manifest"), msg("Live"), msg("Finding"))
    rows = (
        (brief(table.name), _cell(table.restored), _cell(table.recorded), _cell(table.live), word(kind))
        for table, kind in tables
    )
    return bounded(msg("Row counts by table"), columns, rows)


def _cell(table: TableContents | None) -> int | str:
    if table is None:
        return "–"
    return table.rows if table.exact else f"≈{table.rows}"


def _rows(table: TableContents | None) -> int:
    return table.rows if table else 0
