"""Opens an SQLite file for reading, in one snapshot, and leaves it as it is."""

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import printable

T = TypeVar("T")

_WAIT_S: Final = 30.0
_STEPS_BETWEEN_DEADLINE_CHECKS: Final = 1000
_TIMES_QUOTED: Final = 4
_LEAST_LENGTH, _MOST_LENGTH = 100_000, 1_000_000_000
_IMMUTABLE: Final = "mode=ro&immutable=1"


def read_sqlite(file: Path, work: Callable[[sqlite3.Connection], T], deadline_s: float, *, at_rest: bool = False) -> T:
    """What `work` finds in one snapshot of a file; `at_rest` says that nobody has it open.

    Raises sqlite3.Error, also when `work` lasts beyond the deadline.
    """
    deadline = Deadline.after(deadline_s)
    # Never immutable where this process may have the file open: closing it would drop the other connection's locks.
    if at_rest and not unfinished(file):
        return _in_snapshot(file, _IMMUTABLE, work, deadline)
    try:
        return _in_snapshot(file, "mode=ro", work, deadline)
    except sqlite3.Error as error:
        if _code(error) != sqlite3.SQLITE_READONLY or unfinished(file):
            raise
    # Its last writer took the WAL away, and this user may not make one: so nothing of this process has it open.
    before = _version(file)
    found = _in_snapshot(file, _IMMUTABLE, work, deadline)
    if _version(file) != before:
        raise sqlite3.OperationalError("it was written while it was read; run again")
    return found


def unfinished(file: Path) -> bool:
    """Whether a journal beside a file holds what belongs to it."""
    return any(_size(file.with_name(f"{file.name}{ending}")) for ending in ("-wal", "-journal"))


def damaged(error: sqlite3.Error) -> bool:
    """Whether an error is about the file itself, not about reaching it."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG)


def sqlite_reason(error: Exception, file: Path, deadline_s: float) -> Message:
    """Why a file could not be read or copied, in words for people."""
    name, why = printable(str(file), 300), printable(str(error), 300)
    match _code(error):
        case sqlite3.SQLITE_INTERRUPT:
            return msg("{file}: reading took more than {seconds} s", file=name, seconds=round(deadline_s, 1))
        case sqlite3.SQLITE_NOTADB:
            return msg("{file} is not an SQLite database", file=name)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_TOOBIG:
            return msg("{file} is a damaged SQLite database: {why}", file=name, why=why)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return msg("{file} is locked by another process: {why}", file=name, why=why)
        case sqlite3.SQLITE_FULL:
            return msg("{file} could not be copied: the disk is full", file=name)
        case sqlite3.SQLITE_CANTOPEN:
            return msg("{file} cannot be read: {why}", file=name, why=_not_opened(file) or why)
        case _:
            return msg("{file} cannot be read: {why}", file=name, why=why)


def _in_snapshot(file: Path, how: str, work: Callable[[sqlite3.Connection], T], deadline: Deadline) -> T:
    wait_s = min(_WAIT_S, deadline.left_s)
    address = f"{file.absolute().as_uri()}?{how}"
    with closing(sqlite3.connect(address, uri=True, timeout=wait_s, isolation_level=None)) as connection:
        connection.text_factory = lenient
        connection.set_progress_handler(lambda: deadline.passed, _STEPS_BETWEEN_DEADLINE_CHECKS)
        # Its generated columns, CHECKs and indexes compute what they like, between two looks at the deadline.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _longest_value(file))
        connection.execute("BEGIN")
        pragma(connection, "schema_version")  # BEGIN alone takes no snapshot
        return work(connection)


def _longest_value(file: Path) -> int:
    """No value of a file is longer than it, and what we make of one (a hash, a quotation) not than four times that."""
    size = sum(_size(file.with_name(f"{file.name}{ending}")) for ending in ("", "-wal", "-journal"))
    return min(max(_TIMES_QUOTED * size, _LEAST_LENGTH), _MOST_LENGTH)


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _not_opened(file: Path) -> str | None:
    try:
        file.stat()
    except OSError as error:
        return error.strerror
    readable = os.access(file, os.R_OK, effective_ids=os.access in os.supports_effective_ids)
    return None if readable else os.strerror(errno.EACCES)


def lenient(text: bytes) -> str:
    """A text of a database, whatever its bytes."""
    return text.decode(errors="replace")


def pragma(connection: sqlite3.Connection, name: str) -> Any:
    """What a PRAGMA answers."""
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _size(file: Path) -> int:
    # A writer may take its journal away at any moment.
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _version(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
