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
from tasks.backups.formats.interface import Copy, Decoded, Head, Known, Order, Tools, Workplace
from tasks.backups.formats.pg_dump import dump
from tasks.backups.formats.server import empty_database
from tasks.backups.formats.sql.created import CreatedDatabase, created_in, without
from tasks.backups.formats.sql.psql import key_of, restored_by_script
from tasks.backups.formats.sql.whole_text import WholeText, start_of, text_of
from tasks.check_result import msg
from tasks.progress import BACKUP, tell

SQL_START = b"-- PostgreSQL database dump"
_END, TAIL_BYTES = re.compile(rb"^-- PostgreSQL database dump complete\r?$", re.MULTILINE), 4096
"""Newer versions write `\\unrestrict` after it."""

_VERSIONS = re.compile(rb"^-- Dumped (?:from database|by pg_dump) version (\d+)", re.MULTILINE)
_ENCODING = re.compile(rb"^SET client_encoding = '([^']+)';", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SqlDump:
    """What psql runs; `options` make pg_dump write it."""

    form: Form
    endings: tuple[str, ...]
    options: tuple[str, ...]
    packed: bool = False

    def read_head(self, plain: Path, at: Workplace) -> Head:
        """What the dump's first lines state."""
        start = start_of(plain, packed=self.packed)
        if SQL_START not in start[:1024]:
            raise BadBackup(msg("The gzip file does not contain a PostgreSQL dump"))
        return head_in(start, created_in(start))

    def decode(self, plain: Path, head: Head, at: Workplace) -> Decoded:
        """Read the dump to its end mark."""
        text, tail = WholeText(plain, self.packed, at), b""
        for piece in text.pieces():
            tail = (tail + piece)[-TAIL_BYTES:]
        require_end(tail, key_of(start_of(plain, packed=self.packed)))
        text.require_allowed()
        return Decoded(replace(head, plain_bytes=text.size), text.files(), plain)

    def restore(self, decoded: Decoded, bytes: int, known: Known, at: Workplace) -> Copy:
        """Run the dump in one transaction, at the first error no further."""
        start = start_of(decoded.place, packed=self.packed)
        created, roles_known = created_in(start), known.roles is not None
        database = empty_database(decoded.head, bytes, known, at)
        if created is not None:
            database.make_namesake(created.name)

        def text() -> Iterator[builtins.bytes]:
            whole = text_of(with_progress(decoded.place), packed=self.packed)
            return whole if created is None else without(whole, created.cuts)

        return restored_by_script(text, key_of(start), database, at, roles_known=roles_known)

    def take(self, order: Order, tools: Tools) -> tuple[Contents, str]:
        """Let pg_dump write it."""
        return dump(order, self.options, tools)


SQL: Final = SqlDump(Form.SQL, (".sql",), ("--format=plain",))
# A bare level is gzip's for every version; the names of methods are known since PostgreSQL 16.
SQL_GZ: Final = SqlDump(Form.SQL_GZ, (".sql.gz",), ("--format=plain", "--compress=6"), packed=True)


def head_in(start: bytes, created: CreatedDatabase | None) -> Head:
    """What the first lines of a dump state."""
    versions = [int(found) for found in _VERSIONS.findall(start)]
    client = _ENCODING.search(start)
    encoding = client[1].decode() if client else ""
    if created is None:
        return Head("", max(versions, default=0), encoding)
    return Head(created.name, max(versions, default=0), created.encoding or encoding)


def require_end(tail: bytes, key: bytes) -> None:
    """Raise BadBackup for a dump that ends too early: without its end mark, or without the key that it began with."""
    end = _END.search(tail)
    if end is None:
        raise BadBackup(msg("The dump has no end mark: it was truncated, or pg_dump crashed"))
    if key and re.search(rb"^\\unrestrict %b\b" % key, tail[end.end() :], re.MULTILINE) is None:
        raise BadBackup(msg("The dump was truncated after its end mark: its last line, \\unrestrict, is not whole"))


def with_progress(dump: Path) -> Iterator[bytes]:
    """The bytes of a dump, reporting how many were taken."""
    total, done = dump.stat().st_size, 0
    for piece in pieces(dump):
        done += len(piece)
        tell(BACKUP, min(done, total), total)
        yield piece
