"""Whether a restored database has every definition, and the encoding, of the one that was backed up."""

from collections.abc import Sequence
from datetime import datetime

from tasks.backups.checks import SCHEMA
from tasks.backups.facts import Contents, Drill
from tasks.backups.judge.restored.comparable import Comparable, comparable
from tasks.backups.judge.restored.expected import (
    BY_LIVE,
    BY_RECORD,
    bounded,
    brief,
    named,
    nothing_to_compare,
    recorded,
    running,
)
from tasks.backups.judge.restored.schema_differences import Differences, differences
from tasks.backups.judge.restored.schema_faults import fault_of
from tasks.backups.reasons import not_reached
from tasks.check_result import CheckResult, Limit, Message, Quantity, Status, Table, msg


def judge_schema(subject: str, drill: Drill, now: datetime) -> CheckResult:
    """The restored schema, line by line: against what was recorded with the backup, else against the live one."""
    copy = drill.contents
    if copy is None:
        return SCHEMA.judged(Status.UNKNOWN, subject, not_reached(drill), at=now)
    before, today = recorded(drill), running(drill)
    known = [contents for contents in (before, today) if contents is not None]
    expected = next((contents for contents in known if contents.schema), None)
    if expected is None:
        reason, why = nothing_to_compare(drill)
        if known:
            reason = msg("Nothing to compare with: the manifest or live database shows no definitions")
        return SCHEMA.judged(Status.UNKNOWN, subject, reason, at=now, evidence=why)
    fault = _encoding_fault(drill, copy, known)
    both = comparable(expected, copy)
    found = differences(both.expected, both.found)
    limit = Limit("=", 0, "", BY_RECORD if expected is before else BY_LIVE)
    wrong = fault_of(drill, expected, found, fault, by_record=expected is before)
    status, reason = wrong or (Status.PASS, _matches(both, by_record=expected is before))
    evidence = (*_evidence(found, fault), *_left_out(both))
    if status is Status.PASS and not (expected.encoding and (copy.encoding or drill.dump_encoding)):
        reason = msg("The definitions match, but the encoding of the backup or of the database is unknown")
        return SCHEMA.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit)
    if status is Status.PASS:
        if today and not both.left_out and (since := _changed_since(today, copy)).number:
            evidence = (_since(since), *evidence)
            reason = msg(
                "All {n} definitions match the manifest; the live schema has changed since the backup",
                n=len(both.found),
            )
        if copy.encoding and _plain(copy.encoding) == "SQLASCII":
            status, reason = _unchecked_text(copy)
    observed = Quantity(found.number + (fault is not None))
    return SCHEMA.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _matches(both: Comparable, *, by_record: bool) -> Message:
    n = len(both.found)
    if both.left_out:
        names = ", ".join(name for name, _ in both.left_out)
        if by_record:
            return msg("{n} definitions match the manifest; not compared: {names}", n=n, names=names)
        return msg("{n} definitions match the live database; not compared: {names}", n=n, names=names)
    if by_record:
        return msg("All {n} definitions match the manifest", n=n)
    return msg("All {n} definitions match the live database", n=n)


def _changed_since(today: Contents, copy: Contents) -> Differences:
    both = comparable(today, copy)
    return differences(both.expected, both.found)


def _unchecked_text(copy: Contents) -> tuple[Status, Message]:
    """Of a database in SQL_ASCII, as the original is: PostgreSQL takes any bytes for text."""
    if copy.not_utf8:
        return Status.WARN, msg(
            "The definitions match; the encoding is SQL_ASCII, which PostgreSQL does not check, and text in {tables} "
            "is not UTF-8",
            tables=named(copy.not_utf8),
        )
    return Status.PASS, msg(
        "All {n} definitions match; the encoding is SQL_ASCII, which PostgreSQL does not check: in the first rows "
        "of each table, all text is UTF-8",
        n=len(copy.schema),
    )


def _encoding_fault(drill: Drill, copy: Contents, known: Sequence[Contents]) -> Message | None:
    for own in (drill.dump_encoding, copy.encoding):
        for encoding in (contents.encoding for contents in known):
            if own and encoding and _plain(own) != _plain(encoding):
                return _other_encoding(own, encoding)
    return None


def _other_encoding(own: str, encoding: str) -> Message:
    both = {"found": brief(own), "wanted": brief(encoding)}
    if _plain(own) == "SQLASCII":
        return msg(
            "The encoding of the backup is {found}, that of the database {wanted}: SQL_ASCII is not "
            "validated, and invalid bytes are restored without an error",
            **both,
        )
    return msg(
        "The encoding of the backup is {found}, that of the database {wanted}: characters may be lost or changed",
        **both,
    )


def _plain(encoding: str) -> str:
    return encoding.upper().replace("-", "").replace("_", "")


def _evidence(found: Differences, encoding: Message | None) -> tuple[Table, ...]:
    rows = [*([(msg("different encoding"), encoding)] if encoding else []), *found.rows()]
    return (bounded(msg("Schema differences"), (msg("Difference"), msg("Definition")), rows),) if rows else ()


def _left_out(both: Comparable) -> tuple[Table, ...]:
    if not both.left_out:
        return ()
    return (bounded(msg("Not compared"), (msg("Kind"), msg("Why not compared")), both.left_out),)


def _since(found: Differences) -> Table:
    return bounded(
        msg("Changes in the live schema since the backup"), (msg("Difference"), msg("Definition")), found.rows()
    )
