"""Copies of an SQLite file: taken of a live one, restored from a backup."""

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from tasks.backups.contents.sqlite_file import damaged, pragma, read_sqlite, sqlite_reason
from tasks.backups.contents.wanted import ProgressCallback
from tasks.backups.errors import BadBackup
from tasks.backups.files.placing import already_there, not_written
from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.files import new_file
from tasks.observation import ObservationError, printable

_PAGES_AT_A_TIME: Final = 1024


def restore_sqlite(file: Path, into: Path, deadline_s: float, report_progress: ProgressCallback | None = None) -> None:
    """Copy a backup into a fresh file that only this user may read; `report_progress` gets pages.

    Raises BadBackup if it is damaged, ObservationError at the deadline or if the copy cannot be made.
    """
    try:
        with new_file(into, mode=0o600, over=False, durable=False) as beside:
            _copy(file, beside, deadline_s, report_progress, at_rest=True)
    except sqlite3.Error as error:
        reason = sqlite_reason(error, file, deadline_s)
        raise (BadBackup(reason) if damaged(error) else ObservationError(reason)) from None
    except OSError as error:
        raise not_written(into, error) from None


def take_sqlite(source: Path, target: Path, deadline_s: float, report_progress: ProgressCallback | None = None) -> None:
    """Copy a live database to a new file, which is there whole or not at all; `report_progress` gets pages.

    Raises ObservationError, also when `target` is there already.
    """
    try:
        with ExitStack() as stack:
            partial = _begun(target, stack)
            _copy(source, partial, deadline_s, report_progress, at_rest=False)
    except sqlite3.Error as error:
        raise ObservationError(sqlite_reason(error, source, deadline_s)) from None
    except BadBackup as bad:
        raise ObservationError(bad.reason) from None
    except FileExistsError:
        raise already_there(target) from None
    except OSError as error:
        raise not_written(target, error) from None


def _begun(target: Path, stack: ExitStack) -> Path:
    """A file that takes the place of `target` when `stack` ends without an error."""
    partial = target.with_name(f"{target.name}.partial")
    try:
        return stack.enter_context(new_file(target, mode=0o600, at=partial, over=False))
    except OSError as error:
        raise not_written(partial, error) from None


def _copy(
    file: Path, into: Path, deadline_s: float, report_progress: ProgressCallback | None, *, at_rest: bool
) -> None:
    deadline = Deadline.after(deadline_s)

    def progress(_status: int, left: int, pages: int) -> None:
        if deadline.passed:
            name, seconds = printable(str(file), 300), round(deadline_s, 1)
            raise ObservationError(msg("{file}: copying took more than {seconds} s", file=name, seconds=seconds))
        if report_progress is not None:
            report_progress(pages - left, pages)

    def work(source: sqlite3.Connection) -> None:
        if not pragma(source, "page_count"):  # SQLite takes a file of no bytes for a database
            raise BadBackup(msg("{file} is empty", file=printable(str(file), 300)))
        with closing(sqlite3.connect(into, isolation_level=None)) as target:
            for setting in ("journal_mode=OFF", "synchronous=OFF"):  # a copy that was cut short is removed
                target.execute(f"PRAGMA {setting}")
            # `source` holds a snapshot: without it, every write of another process would start the copy anew.
            source.backup(target, pages=_PAGES_AT_A_TIME, progress=progress)

    read_sqlite(file, work, deadline_s, at_rest=at_rest)
