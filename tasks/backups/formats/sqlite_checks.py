"""Whether a file is a whole SQLite database: by its header and length, and by SQLite's own check."""

import os
import sqlite3
from pathlib import Path
from typing import Final

from tasks.backups.contents.sqlite_file import damaged, read_sqlite, sqlite_reason, unfinished
from tasks.backups.files.opened import opened
from tasks.check_result import Message, msg
from tasks.observation import ObservationError, printable

_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_PAGE_SIZES: Final = tuple(512 << power for power in range(8))
_LEAST_USABLE_BYTES: Final = 480
_NEWEST_FORMAT: Final = 2
_PAYLOAD_FRACTIONS: Final = b"\x40\x20\x20"
_PROBLEMS: Final = 20


def check_sqlite_file(file: Path) -> Message | None:
    """What is wrong with its header or its length; None if nothing.

    The places in the header are those of sqlite.org/fileformat.html. Raises ObservationError if it cannot be read.
    """
    try:
        with opened(file) as source:
            head, size = source.read(_HEADER_BYTES), os.fstat(source.fileno()).st_size
    except OSError as error:
        name, why = printable(str(file), 300), error.strerror or type(error).__name__
        raise ObservationError(msg("{file} cannot be read: {why}", file=name, why=why)) from None
    if not size:
        return msg("The file is empty")
    if not head.startswith(_MAGIC):
        return msg(
            "The file is not an SQLite database: it begins with {start}", start=printable(head[:16].decode("latin-1"))
        )
    return _header_fault(head) or _length_fault(head, size, unfinished(file))


def integrity_of(file: Path, deadline_s: float) -> Message | None:
    """What SQLite's own check of every page, row and index finds in a backup; None if nothing.

    Raises ObservationError at the deadline, or if the file cannot be read.
    """
    try:
        found = read_sqlite(file, _integrity, deadline_s, at_rest=True)
    except sqlite3.Error as error:
        reason = sqlite_reason(error, file, deadline_s)
        if damaged(error):
            return reason
        raise ObservationError(reason) from None
    if found == ["ok"]:
        return None
    return msg("SQLite's integrity check found: {problems}", problems=printable("; ".join(found)))


def _header_fault(head: bytes) -> Message | None:
    if len(head) < _HEADER_BYTES:
        return msg("The file is truncated: it ends after {bytes} bytes, within its header", bytes=len(head))
    if max(head[18:20]) > _NEWEST_FORMAT:
        return msg("The file has a newer SQLite format ({version}) than can be read", version=max(head[18:20]))
    sane = (
        _page_bytes(head) in _PAGE_SIZES
        and _page_bytes(head) - head[20] >= _LEAST_USABLE_BYTES
        and min(head[18:20]) > 0
        and head[21:24] == _PAYLOAD_FRACTIONS
    )
    return None if sane else msg("The file header is damaged")


def _length_fault(head: bytes, size: int, journal: bool) -> Message | None:
    page = _page_bytes(head)
    pages = int.from_bytes(head[28:32], "big")
    expected = pages * page
    # A program older than SQLite 3.7 leaves the count of pages as it was; a journal may hold the rest of the file.
    counted = pages > 0 and head[24:28] == head[92:96] and not journal
    if counted and size < expected:
        return msg("The file is truncated: it has {bytes} of {expected} bytes", bytes=size, expected=expected)
    if counted and size > expected:
        return msg("The file has {bytes} extra bytes at its end", bytes=size - expected)
    if size % page:
        return msg(
            "The file is truncated: {bytes} bytes is not a whole number of {page}-byte pages", bytes=size, page=page
        )
    return None


def _page_bytes(head: bytes) -> int:
    stored = int.from_bytes(head[16:18], "big")
    return 65536 if stored == 1 else stored


def _integrity(connection: sqlite3.Connection) -> list[str]:
    lines: list[str] = []
    try:
        for (text,) in connection.execute(f"PRAGMA integrity_check({_PROBLEMS})"):
            lines += (line for line in text.splitlines() if not line.startswith("***"))
    except sqlite3.Error as error:
        if not lines or not damaged(error):  # what was found before the error is more useful
            raise
    return lines
