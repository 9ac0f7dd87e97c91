"""Whether a restored database has every definition, and the encoding, of the one that was backed up."""

from collections.abc import Sequence
from datetime import datetime

from tasks.backups.checks import SCHEMA
from tasks.backups.facts import Contents, Drill
from tasks.backups.judge.restored.comparable import MINOR, Comparable, comparable, kind_of
from tasks.backups.judge.restored.counted_tables import made_since
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
from tasks.backups.judge.restored.schema_differences import Differences, differences, of_one, title, titles
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
    wrong = _fault(drill, expected, found, fault, by_record=expected is before)
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


def _fault(
    drill: Drill, expected: Contents, found: Differences, encoding: Message | None, *, by_record: bool
) -> tuple[Status, Message] | None:
    """What is wrong; None if nothing is."""
    copy = drill.contents
    assert copy is not None  # judge_schema() asked
    if fault := _another_database(copy, expected) or encoding:
        return Status.FAIL, fault
    new = set() if by_record else made_since(drill, copy)
    missing = [line for line in found.missing if not of_one(line, new)]
    changed = [pair for pair in found.changed if not of_one(pair[0], new)]
    if missing or changed:
        reason = _missing(missing, by_record=by_record) if missing else _changed(*changed[0])
        differ = [*missing, *(wanted for wanted, _ in changed)]
        return Status.WARN if all(kind_of(line) in MINOR for line in differ) else Status.FAIL, reason
    if since := [*found.missing, *(wanted for wanted, _ in found.changed)]:
        names = named(titles(since))
        return Status.WARN, msg("The live schema has changed since the backup: {names}", names=names)
    if found.added and by_record:
        names = named(titles(found.added))
        minor = all(kind_of(line) in MINOR for line in found.added)
        reason = msg("In the restored database, but not in the manifest: {names}", names=names)
        return Status.WARN if minor else Status.FAIL, reason
    if found.added:
        names = named(titles(found.added))
        return Status.WARN, msg(
            "The live schema has changed since the backup, or the backup is of another database; only in the "
            "backup: {names}",
            names=names,
        )
    return None


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


def _another_database(copy: Contents, expected: Contents) -> Message | None:
    if expected.tables and not copy.tables:
        return msg("The restored database has no tables; {n} were expected", n=len(expected.tables))
    there = {table.name for table in copy.tables}
    missing = [table.name for table in expected.tables if table.name not in there]
    if len(missing) <= len(expected.tables) / 2:
        return None
    return msg(
        "{n} of {all} tables are missing; the backup is of another database, or of only part of it: {names}",
        n=len(missing),
        all=len(expected.tables),
        names=named(missing),
    )


def _missing(lines: Sequence[str], *, by_record: bool) -> Message:
    names = named(titles(lines))
    if by_record:
        return msg("In the manifest, but missing from the restored database: {names}", names=names)
    return msg("Missing from the backup, or added to the live database since: {names}", names=names)


def _changed(wanted: str, other: str) -> Message:
    return msg(
        "{name} differs: the backup has {found}, expected {wanted}",
        name=brief(title(wanted)),
        found=brief(other),
        wanted=brief(wanted),
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
