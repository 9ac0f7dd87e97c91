"""Plain SQL of pg_dump, gzipped or not: read once from end to end, then run in one transaction."""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Form, ManifestFile
from tasks.backups.files.manifest import pieces
from tasks.backups.formats.archive import Reading
from tasks.backups.formats.interface import Head
from tasks.backups.formats.recognise import SQL_START, head_of
from tasks.backups.tool_words import require_good
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.postgres.cluster import environment
from tasks.postgres.installation import Installation, server_account
from tasks.processes import feed
from tasks.progress import BACKUP, tell

_PIECE = 1024 * 1024
_END, _TAIL_BYTES = re.compile(rb"^-- PostgreSQL database dump complete\r?$", re.MULTILINE), 4096
"""Newer versions write `\\unrestrict` after it."""

_MOST_LINE = 1024 * 1024 * 1024
"""PostgreSQL takes no longer statement, and no longer row (MaxAllocSize)."""

_VERSIONS = re.compile(rb"^-- Dumped (?:from database|by pg_dump) version (\d+)", re.MULTILINE)
_ENCODING = re.compile(rb"^SET client_encoding = '([^']+)';", re.MULTILINE)
_CONNECT = re.compile(rb"^\\connect (?:-reuse-previous=on )?(\S+)", re.MULTILINE)
_HEAD_BYTES = 65536


def read_head(dump: Path, form: Form) -> Head:
    """What the dump's first lines say; raises BadBackup, and OSError."""
    start = head_of(dump)
    if form is Form.SQL_GZ:
        start = _unpacked_start(start)
        if SQL_START not in start[:1024]:
            raise BadBackup(msg("What is packed in the gzip file is no dump of PostgreSQL"))
    versions = [int(found) for found in _VERSIONS.findall(start)]
    encoding, connect = _ENCODING.search(start), _CONNECT.search(start)
    if connect is not None:
        raise ObservationError(msg("A dump that creates its database (pg_dump --create) is not drilled: leave it out"))
    return Head("", max(versions, default=0), encoding[1].decode() if encoding else "")


def decode(dump: Path, form: Form, most_bytes: int, deadline: Deadline) -> tuple[tuple[ManifestFile, ...], int]:
    """Read the dump to its end mark; gives the hash of its file and its size unpacked, of at most `most_bytes`.

    Raises BadBackup or ObservationError, and OSError.
    """
    reading, size, tail, line = Reading(dump), 0, b"", 0
    source = reading.pieces()
    for piece in unpacked(source) if form is Form.SQL_GZ else source:
        size += len(piece)
        tail = (tail + piece)[-_TAIL_BYTES:]
        line = len(piece) - end - 1 if (end := piece.rfind(b"\n")) >= 0 else line + len(piece)
        deadline.require()
        if b"\0" in piece:  # psql would leave out the rest of its line
            raise BadBackup(msg("The dump holds zero bytes, which no text has: a part of it was never written"))
        if line > _MOST_LINE:  # psql would try to keep it in memory
            raise BadBackup(msg("The dump holds a line of more than 1 GB, which no PostgreSQL can read"))
        if size > most_bytes:
            raise ObservationError(
                msg(
                    "Unpacked the dump is larger than {gigabytes} GB, the free disk of the drill: "
                    "set [backups] folder to a larger one, or look for a gzip bomb",
                    gigabytes=round(most_bytes / 1e9, 1),
                )
            )
    if _END.search(tail) is None:
        raise BadBackup(msg("The dump has no end mark: it was cut short, or pg_dump died"))
    return reading.files(), size


def restore(
    dump: Path, form: Form, installation: Installation, dsn: str, folder: Path, deadline: Deadline, *, roles_known: bool
) -> None:
    """Run the dump in one transaction, at the first error no further; raises BadBackup or ObservationError."""
    argv = [installation.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-d", dsn]
    source = unpacked(_told(dump)) if form is Form.SQL_GZ else _told(dump)
    # What psql is told to run in a shell by a dump that somebody changed is run as an account that owns nothing.
    ran = feed(
        argv, source, deadline_s=deadline.require(), env=environment(), cwd=folder, user=server_account()
    )  # fmt: skip
    require_good(
        ran, lambda why: msg("No database can be made from it: {why}", why=why), program="psql", roles_known=roles_known
    )


def unpacked(source: Iterator[bytes]) -> Iterator[bytes]:
    """What gzip members hold, in bounded pieces; raises BadBackup at the first byte that is not as it was packed."""
    member = zlib.decompressobj(wbits=31)
    started = False
    for packed in source:
        rest = packed
        while rest:
            if member.eof:
                member, started = zlib.decompressobj(wbits=31), False
            try:
                piece = member.decompress(rest, _PIECE)
            except zlib.error as error:
                raise BadBackup(_broken_gzip(str(error))) from None
            started = True
            if piece:
                yield piece
            rest = member.unused_data if member.eof else member.unconsumed_tail
    if not started or not member.eof:
        raise BadBackup(msg("The gzip file ends too early"))


def _unpacked_start(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(packed, _HEAD_BYTES)
    except zlib.error as error:
        raise BadBackup(_broken_gzip(str(error))) from None


def _broken_gzip(why: str) -> Message:
    return msg("The gzip file is damaged: {why}", why=why)


def _told(dump: Path) -> Iterator[bytes]:
    total, done = dump.stat().st_size, 0
    for piece in pieces(dump):
        done += len(piece)
        tell(BACKUP, min(done, total), total)
        yield piece
