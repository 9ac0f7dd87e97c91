"""Plain SQL of pg_dump, gzipped or not: read once from end to end, then run in one transaction."""

import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Contents, Form
from tasks.backups.files.manifest import pieces
from tasks.backups.files.start import head_of
from tasks.backups.formats.gzipped import unpacked, unpacked_start
from tasks.backups.formats.interface import Copy, Decoded, Head, Known, Order, Tools, Workplace
from tasks.backups.formats.pg_dump import dump
from tasks.backups.formats.psql import key_of, restored_by_script
from tasks.backups.formats.reading import Reading
from tasks.backups.formats.server import empty_database
from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.progress import BACKUP, tell

SQL_START = b"-- PostgreSQL database dump"
_END, _TAIL_BYTES = re.compile(rb"^-- PostgreSQL database dump complete\r?$", re.MULTILINE), 4096
"""Newer versions write `\\unrestrict` after it."""

_MOST_LINE = 1024 * 1024 * 1024
"""PostgreSQL takes no longer statement, and no longer row (MaxAllocSize)."""

_VERSIONS = re.compile(rb"^-- Dumped (?:from database|by pg_dump) version (\d+)", re.MULTILINE)
_ENCODING = re.compile(rb"^SET client_encoding = '([^']+)';", re.MULTILINE)
_CONNECT = re.compile(rb"^\\connect (?:-reuse-previous=on )?(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SqlDump:
    """What psql runs; `options` make pg_dump write it."""

    form: Form
    endings: tuple[str, ...]
    options: tuple[str, ...]
    packed: bool = False

    def read_head(self, plain: Path, tools: Tools) -> Head:
        """What the dump's first lines state."""
        start = self._start(plain)
        if SQL_START not in start[:1024]:
            raise BadBackup(msg("The gzip file does not contain a PostgreSQL dump"))
        versions = [int(found) for found in _VERSIONS.findall(start)]
        encoding, connect = _ENCODING.search(start), _CONNECT.search(start)
        if connect is not None:
            raise ObservationError(
                msg(
                    "Restore drills do not support dumps that create their database (pg_dump --create): dump "
                    "without --create"
                )
            )
        return Head("", max(versions, default=0), encoding[1].decode() if encoding else "")

    def decode(self, plain: Path, head: Head, at: Workplace) -> Decoded:
        """Read the dump to its end mark."""
        allowance = at.allowance(plain.stat().st_size)
        reading, size, tail, line = Reading(plain), 0, b"", 0
        for piece in self._text(reading.pieces()):
            size += len(piece)
            tail = (tail + piece)[-_TAIL_BYTES:]
            line = len(piece) - end - 1 if (end := piece.rfind(b"\n")) >= 0 else line + len(piece)
            at.deadline.require()
            if b"\0" in piece:  # psql would leave out the rest of its line
                raise BadBackup(
                    msg("The dump contains NUL bytes, which SQL text never has: part of it was never written")
                )
            if line > _MOST_LINE:  # psql would try to keep it in memory
                raise BadBackup(msg("The dump contains a line of more than 1 GB, which no PostgreSQL can read"))
            allowance.require_disk(size)
        _require_end(tail, key_of(self._start(plain)))
        allowance.take(size)
        return Decoded(replace(head, plain_bytes=size), reading.files(), plain)

    def restore(self, decoded: Decoded, bytes: int, known: Known, at: Workplace) -> Copy:
        """Run the dump in one transaction, at the first error no further."""
        database = empty_database(decoded.head, bytes, known, at)
        own_key, roles_known = key_of(self._start(decoded.place)), known.roles is not None

        def text() -> Iterator[builtins.bytes]:
            return self._text(_with_progress(decoded.place))

        return restored_by_script(text, own_key, database, at, roles_known=roles_known)

    def take(self, order: Order, tools: Tools) -> tuple[Contents, str]:
        """Let pg_dump write it."""
        return dump(order, self.options, tools)

    def _start(self, plain: Path) -> builtins.bytes:
        start = head_of(plain)
        return unpacked_start(start) if self.packed else start

    def _text(self, source: Iterator[bytes]) -> Iterator[bytes]:
        return unpacked(source) if self.packed else source


SQL: Final = SqlDump(Form.SQL, (".sql",), ("--format=plain",))
# A bare level is gzip's for every version; the names of methods are known since PostgreSQL 16.
SQL_GZ: Final = SqlDump(Form.SQL_GZ, (".sql.gz",), ("--format=plain", "--compress=6"), packed=True)


def _require_end(tail: bytes, key: bytes) -> None:
    """Raise BadBackup for a dump that ends too early: without its end mark, or without the key that it began with."""
    end = _END.search(tail)
    if end is None:
        raise BadBackup(msg("The dump has no end mark: it was truncated, or pg_dump crashed"))
    if key and re.search(rb"^\\unrestrict %b\b" % key, tail[end.end() :], re.MULTILINE) is None:
        raise BadBackup(msg("The dump was truncated after its end mark: its last line, \\unrestrict, is not whole"))


def _with_progress(dump: Path) -> Iterator[bytes]:
    total, done = dump.stat().st_size, 0
    for piece in pieces(dump):
        done += len(piece)
        tell(BACKUP, min(done, total), total)
        yield piece
