"""Whether the rows of a restored database match those that were backed up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tasks.backups.checks import CONTENT
from tasks.backups.facts import Contents, Drill, TableContents
from tasks.backups.judge.restored.expected import (
    BY_RECORD,
    LARGE_OBJECTS,
    bounded,
    brief,
    every_table,
    named,
    of_its_snapshot,
    recorded,
)
from tasks.backups.reasons import not_reached
from tasks.check_result import CheckResult, Limit, Message, Quantity, Status, Table, msg

WHOLE: Final = "whole"
OFF: Final = "off"

_NOT_COMPARED = msg("Tables whose rows are not compared: take a new backup with rounds backup take")

Pair = tuple[TableContents, TableContents | None]


def judge_content(subject: str, drill: Drill, content: str, now: datetime) -> CheckResult:
    """The hash of each table's rows against the one of the snapshot backed up; `content` is the setting."""
    if content == OFF:
        return CONTENT.judged(Status.SKIPPED, subject, msg('content = "off": rows are not compared'), at=now)
    copy = drill.contents
    if copy is None:
        return CONTENT.judged(Status.UNKNOWN, subject, not_reached(drill), at=now)
    snapshot = of_its_snapshot(drill)
    if snapshot is None:
        return CONTENT.judged(Status.UNKNOWN, subject, _nothing_recorded(drill), at=now)
    if doubt := _doubt(snapshot, copy):
        return CONTENT.judged(Status.UNKNOWN, subject, doubt, at=now)
    return _compared(subject, snapshot, copy, content, now)


def _compared(subject: str, snapshot: Contents, copy: Contents, content: str, now: datetime) -> CheckResult:
    there = {table.name: table for table in every_table(copy)}
    tables = [table for table in every_table(snapshot) if table.name in there or table.name != LARGE_OBJECTS]
    pairs = [(table, there.get(table.name)) for table in tables if table.content]
    other = [pair for pair in pairs if pair[1] is None or (pair[1].content and pair[1].content != pair[0].content)]
    unhashed = [table.name for table in tables if table.rows and not table.content]
    unhashed += [table.name for table, found in pairs if found and not found.content]
    limit = Limit("=", 0, "", BY_RECORD)
    if not other and (unhashed or not pairs):
        reason = _none() if not pairs else msg("No row hashes were computed for {tables}", tables=named(unhashed))
        return CONTENT.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit)
    status, reason = _verdict(pairs, other, snapshot.content_rule, content)
    evidence = (_evidence(other),) if other else ()
    if status is Status.PASS and (empty := [table.name for table, _ in pairs if table.hashed_nothing]):
        reason = _partly(len(pairs) - len(empty), named(empty))
        evidence = (bounded(_NOT_COMPARED, (msg("Table"),), ((brief(name),) for name in empty)),)
    observed = Quantity(len(other))
    return CONTENT.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _partly(compared: int, tables: str) -> Message:
    return msg(
        "A sample of the rows of {n} tables matches the backup; not compared, as no row of theirs is in the sample: "
        "{tables}",
        n=compared,
        tables=tables,
    )


def _none() -> Message:
    return msg("No row hashes were recorded: take backups with rounds backup take")


def _nothing_recorded(drill: Drill) -> Message:
    contents = recorded(drill)
    if contents is None or not contents.content_rule:
        return _none()
    return msg("The hashes were recorded at another time than the backup: take backups with rounds backup take")


def _doubt(snapshot: Contents, copy: Contents) -> Message | None:
    if not snapshot.content_rule:
        return _none()
    if not copy.content_rule:
        return msg("The rows of the restored database were not hashed")
    if copy.content_rule == snapshot.content_rule:
        return None
    return msg(
        "The hashes cover different rows and cannot be compared: manifest {recorded}, restored database {restored}",
        recorded=brief(snapshot.content_rule),
        restored=brief(copy.content_rule),
    )


def _verdict(pairs: Sequence[Pair], other: Sequence[Pair], rule: str, content: str) -> tuple[Status, Message]:
    if other:
        tables = named([table.name for table, _ in other])
        if all(found and found.rows == table.rows for table, found in other):
            return Status.FAIL, msg(
                "Row contents of {tables} differ from the backup, though the row counts match",
                tables=tables,
            )
        return Status.FAIL, msg("Row contents of {tables} differ from the backup", tables=tables)
    if rule == WHOLE:
        return Status.PASS, msg("All rows of {n} tables match the backup", n=len(pairs))
    if content == WHOLE:
        return Status.WARN, msg(
            'Only a sample of the rows was recorded ({rule}), though content = "whole"; it matches in {n} tables',
            rule=brief(rule),
            n=len(pairs),
        )
    return Status.PASS, msg(
        "A sample of the rows ({rule}) of {n} tables matches the backup", rule=brief(rule), n=len(pairs)
    )


def _evidence(other: Sequence[Pair]) -> Table:
    columns = (msg("Table"), msg("Restored rows"), msg("Rows in the manifest"))
    rows = ((brief(table.name), found.rows if found else msg("missing"), table.rows) for table, found in other)
    return bounded(msg("Tables whose rows differ from the backup"), columns, rows)
