"""What is wrong with a restored schema."""

from collections.abc import Collection, Sequence
from typing import Final

from tasks.backups.facts import Contents, Drill
from tasks.backups.judge.restored.comparable import MINOR, kind_of
from tasks.backups.judge.restored.counted_tables import made_since
from tasks.backups.judge.restored.expected import brief, named
from tasks.backups.judge.restored.schema_differences import Differences, of_one, title, titles
from tasks.check_result import Message, Status, msg

_POST_DATA: Final = ("constraint", "index")
_FEWEST_LOST: Final = 3
"""So many indexes and constraints of most tables do not come at once to a database that had none."""


def fault_of(
    drill: Drill, expected: Contents, found: Differences, encoding: Message | None, *, by_record: bool
) -> tuple[Status, Message] | None:
    """What is wrong; None if nothing is."""
    copy = drill.contents
    assert copy is not None  # judge_schema() asked
    new = set() if by_record else made_since(drill, copy)
    if fault := _another_database(copy, expected, new) or encoding:
        return Status.FAIL, fault
    if by_record:
        return _by_record(found)
    return _post_data_lost(copy, found) or _by_live(found, set(_lost_tables(copy, expected, new)), new)


def _by_record(found: Differences) -> tuple[Status, Message] | None:
    """Against a manifest: any difference is a fault."""
    if found.missing or found.changed:
        if found.missing:
            names = named(titles(found.missing))
            reason = msg("In the manifest, but missing from the restored database: {names}", names=names)
        else:
            reason = _changed(*found.changed[0])
        return _unless_minor([*found.missing, *(wanted for wanted, _ in found.changed)]), reason
    if found.added:
        names = named(titles(found.added))
        return _unless_minor(found.added), msg(
            "In the restored database, but not in the manifest: {names}", names=names
        )
    return None


def _post_data_lost(copy: Contents, found: Differences) -> tuple[Status, Message] | None:
    """Where no index and no constraint of most tables was restored: more than one migration brings."""
    lost = [line for line in found.missing if kind_of(line) in _POST_DATA]
    if len(lost) < _FEWEST_LOST or any(kind_of(line) in _POST_DATA for line in copy.schema):
        return None
    tables = [table for table in copy.tables if any(of_one(line, {table.name}) for line in lost)]
    if 2 * len(tables) <= len(copy.tables):
        return None
    return Status.FAIL, msg(
        "The backup has no index and no constraint at all, the live database has {n}: a dump of only some sections, "
        "or they are lost",
        n=len(lost),
    )


def _by_live(found: Differences, lost: Collection[str], new: Collection[str]) -> tuple[Status, Message] | None:
    """Against the live database: only a table with rows from before the backup must have been there. What is defined
    for a table comes with it in every dump, so that a definition alone came since, as far as anyone can know.
    """
    if of_lost := [line for line in found.missing if of_one(line, lost)]:
        names = named(titles(of_lost))
        return Status.FAIL, msg("Missing from the backup, or added to the live database since: {names}", names=names)
    differ = [*found.missing, *(wanted for wanted, _ in found.changed)]
    if unknown := [line for line in differ if not of_one(line, new)]:
        return Status.WARN, msg(
            "The live database has, and the backup lacks: {names}. These came since, or the dump is of another state: "
            "compare at the next backup, or use `rounds backup take`, whose manifest tells",
            names=named(titles(unknown)),
        )
    if differ:
        names = named(titles(differ))
        return Status.WARN, msg("The live schema has changed since the backup: {names}", names=names)
    if found.added:
        names = named(titles(found.added))
        return Status.WARN, msg(
            "The live schema has changed since the backup, or the backup is of another database; only in the "
            "backup: {names}",
            names=names,
        )
    return None


def _unless_minor(lines: Sequence[str]) -> Status:
    return Status.WARN if all(kind_of(line) in MINOR for line in lines) else Status.FAIL


def _lost_tables(copy: Contents, expected: Contents, new: Collection[str]) -> list[str]:
    """The tables that must be there and are not."""
    there = {*new, *(table.name for table in copy.tables)}
    return [table.name for table in expected.tables if table.name not in there]


def _another_database(copy: Contents, expected: Contents, new: Collection[str]) -> Message | None:
    if expected.tables and not copy.tables:
        return msg("The restored database has no tables; {n} were expected", n=len(expected.tables))
    missing = _lost_tables(copy, expected, new)
    if len(missing) <= len(expected.tables) / 2:
        return None
    return msg(
        "{n} of {all} tables are missing; the backup is of another database, or of only part of it: {names}",
        n=len(missing),
        all=len(expected.tables),
        names=named(missing),
    )


def _changed(wanted: str, other: str) -> Message:
    return msg(
        "{name} differs: the backup has {found}, expected {wanted}",
        name=brief(title(wanted)),
        found=brief(other),
        wanted=brief(wanted),
    )
