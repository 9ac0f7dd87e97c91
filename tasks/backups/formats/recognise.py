"""What kind of backup a file or a folder is, by what is in it and never by its name."""

import os
import re
from pathlib import Path

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Form
from tasks.check_result import Message, msg
from tasks.observation import ObservationError, shown

_HEAD_BYTES = 65536
_ARCHIVE, _GZIP, _SQLITE = b"PGDMP", b"\x1f\x8b", b"SQLite format 3\0"
SQL_START = b"-- PostgreSQL database dump"
_CLUSTER_START = b"-- PostgreSQL database cluster dump"
_TAR_MAGIC = slice(257, 262)
_ENCRYPTED = (
    b"age-encryption.org/v1",
    b"-----BEGIN AGE ENCRYPTED FILE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"Salted__",
)
# OpenPGP packets that begin an encrypted message: session keys (tags 1, 3), encrypted data (9, 18, 20), old and new.
_PGP_TAGS = frozenset({1, 3, 9, 18, 20})
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]+")


def form_of(backup: Path) -> Form:
    """The form of a plain backup; raises BadBackup for what is none, ObservationError for what cannot be looked at."""
    try:
        if backup.is_dir():
            return _folder_form(backup)
        return file_form(head_of(backup))
    except OSError as error:
        raise ObservationError(cannot_read(backup, error)) from None


def head_of(backup: Path) -> bytes:
    """The first bytes of a file; raises OSError."""
    with backup.open("rb") as file:
        return file.read(_HEAD_BYTES)


def cannot_read(backup: Path, error: OSError) -> Message:
    """Why a backup could not be opened."""
    return msg("{file} cannot be read: {why}", file=shown(backup.name), why=os.strerror(error.errno or 0))


def file_form(head: bytes) -> Form:
    """The form of a file that begins so; raises BadBackup or ObservationError."""
    if not head:
        raise BadBackup(msg("The file is empty"))
    if head.startswith(_ARCHIVE):
        return Form.CUSTOM
    if head.startswith(_GZIP):
        return Form.SQL_GZ
    if head.startswith(_SQLITE):
        return Form.SQLITE
    if SQL_START in head[:1024]:
        return Form.SQL
    if _CLUSTER_START in head[:1024]:
        raise ObservationError(msg("A dump of a whole cluster (pg_dumpall) is not drilled: dump each database"))
    if head[_TAR_MAGIC] == b"ustar":
        raise ObservationError(msg("The tar format of pg_dump is not drilled: use pg_dump -Fc or -Fd"))
    raise BadBackup(msg("The file is no backup: it begins with {head}", head=_quoted(head)))


def is_encrypted(head: bytes) -> bool:
    """True for what age, OpenPGP or openssl enc wrote."""
    if head.startswith(_ENCRYPTED):
        return True
    if not head or not head[0] & 0x80 or head.startswith(_GZIP):
        return False
    tag = head[0] & 0x3F if head[0] & 0x40 else (head[0] >> 2) & 0x0F
    return tag in _PGP_TAGS and _TEXT.fullmatch(head) is None


def _folder_form(folder: Path) -> Form:
    if (folder / "toc.dat").exists():
        return Form.DIRECTORY
    if (folder / "PG_VERSION").exists():
        return Form.BASE
    if any((folder / name).exists() for name in ("base.tar", "base.tar.gz")):
        return Form.BASE_TAR
    if not any(folder.iterdir()):
        raise BadBackup(msg("The folder is empty"))
    raise BadBackup(msg("The folder is no backup: it holds neither toc.dat nor PG_VERSION nor base.tar"))


def _quoted(head: bytes) -> str:
    """Only text that nobody keeps in a database, such as an error page, is quoted; other bytes in hexadecimal."""
    start = head[:16]
    return shown(start.decode("ascii", "replace")) if start.lstrip().startswith((b"<", b"{")) else start.hex(" ")
