"""Backups that are an SQLite file."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.backups.contents.sqlite import read_sqlite_contents
from tasks.backups.contents.wanted import Wanted
from tasks.backups.errors import BadBackup
from tasks.backups.facts import Contents, Form
from tasks.backups.files.manifest import hashed_files
from tasks.backups.files.opened import followed
from tasks.backups.formats.interface import Copy, Decoded, Head, Known, Order, Tools, Workplace
from tasks.backups.formats.sqlite_checks import check_sqlite_file, integrity_of
from tasks.backups.formats.sqlite_copies import restore_sqlite, take_sqlite
from tasks.progress import BACKUP, TABLES, tell

_LEAST_S = 1.0


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """What any SQLite opens: no server, no installation."""

    form: Form = Form.SQLITE
    endings: tuple[str, ...] = (".sqlite", ".sqlite3", ".db")

    def read_head(self, plain: Path, at: Workplace) -> Head:
        """Nothing but that its header and its length are right."""
        for ending in ("-wal", "-journal", "-shm"):  # SQLite opens them too
            followed(plain.with_name(plain.name + ending))
        if (fault := check_sqlite_file(plain)) is not None:
            raise BadBackup(fault)
        return Head()

    def decode(self, plain: Path, head: Head, at: Workplace) -> Decoded:
        """Let SQLite check every page, row and index."""
        if (fault := integrity_of(plain, at.deadline.require())) is not None:
            raise BadBackup(fault)
        return Decoded(head, hashed_files(plain, at.deadline.progress(BACKUP)), plain)

    def restore(self, decoded: Decoded, bytes: int, known: Known, at: Workplace) -> Copy:
        """Copy it."""
        file = at.folder / "sqlite" / "copy.db"
        file.parent.mkdir(mode=0o700)  # a room, as soon as a program is to see it
        restore_sqlite(decoded.place, file, at.deadline.require(), lambda done, of: tell(BACKUP, done, of))
        return Copy("", file, "", f"sqlite:///{file.absolute()}")

    def take(self, order: Order, tools: Tools) -> tuple[Contents, str]:
        """Copy a live file in one snapshot, and read the copy."""
        take_sqlite(
            Path(order.live), order.into, tools.deadline.left_s, lambda done, of: tell(BACKUP, done, of)
        )  # fmt: skip
        contents = read_sqlite_contents(
            order.into, Wanted(order.until, order.content_rule), lambda done, of: tell(TABLES, done, of),
            database=order.name, deadline_s=max(tools.deadline.left_s, _LEAST_S),
        )  # fmt: skip
        return contents, f"SQLite {sqlite3.sqlite_version}"


SQLITE: Final = SqliteFile()
