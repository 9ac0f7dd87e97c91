"""The step that makes a database of a backup, and reads what came out."""

import time
from dataclasses import dataclass, replace

from tasks.backups.contents.restored import read_restored
from tasks.backups.contents.sqlite import read_sqlite_contents
from tasks.backups.contents.wanted import Wanted
from tasks.backups.drill.container import Opened
from tasks.backups.drill.steps import Given, Trouble, tried
from tasks.backups.facts import Backup, Contents, StepOutcome
from tasks.backups.formats.interface import Copy, Decoded, Known, Workplace
from tasks.check_result import Message, msg
from tasks.progress import TABLES, tell


@dataclass(frozen=True, slots=True)
class Restored:
    """A copy, and what is in it; None where it cannot be read."""

    copy: Copy
    contents: Contents | None


def restore(backup: Backup, opened: Opened, decoded: Decoded, known: Known, at: Workplace) -> Given[Restored]:
    """Restore a backup and read the copy; a recovery takes the time of the first alone."""
    began = time.monotonic()
    copy = opened.format.restore(decoded, backup.bytes, known, at)
    took_s = time.monotonic() - began
    copy = replace(copy, took_s=opened.prepared_s + decoded.prepared_s + took_s)
    wanted = Wanted(backup.at, known.content_rule, violations=opened.format.form.physical)
    named = replace(known, database=known.database or opened.head.database)
    contents = tried(lambda: _contents(copy, wanted, named, at))
    if isinstance(contents, Trouble):
        return Given(Restored(copy, None), contents.reason, contents.outcome, took_s)
    if copy.unchecked is not None:
        return Given(Restored(copy, contents), copy.unchecked, StepOutcome.UNCHECKED, took_s)
    return Given(Restored(copy, contents), _words(copy), seconds=took_s)


def _contents(copy: Copy, wanted: Wanted, known: Known, at: Workplace) -> Contents:
    if copy.file is not None:
        return read_sqlite_contents(
            copy.file, wanted, lambda done, of: tell(TABLES, done, of),
            database=known.database or known.name, deadline_s=at.deadline.require(),
        )  # fmt: skip
    contents = read_restored(copy.dsn, wanted, at.jobs, at.deadline)
    return replace(contents, database=known.database or contents.database)


def _words(copy: Copy) -> Message:
    if copy.file is not None:
        return msg("Restored as an SQLite file")
    if copy.left_out:
        return msg(
            "Restored with PostgreSQL {version} without the column option {name}, which the server keeps for itself; "
            "this pg_dump is too old to leave it out: update pg_dump, since pg_restore would stop there",
            version=copy.version,
            name=copy.left_out,
        )
    return msg("Restored with PostgreSQL {version}", version=copy.version)
