"""Which format a backup is, by what is in it and never by its name: asked here, once."""

from pathlib import Path
from typing import Final

from tasks.backups.errors import BadBackup
from tasks.backups.files.start import cannot_read, head_of
from tasks.backups.formats.archive import CUSTOM, DIRECTORY
from tasks.backups.formats.base_backup import BASE, BASE_TAR
from tasks.backups.formats.interface import Format, Takes
from tasks.backups.formats.sql_dump import SQL, SQL_GZ, SQL_START
from tasks.backups.formats.sqlite import SQLITE
from tasks.check_result import msg
from tasks.observation import ObservationError, printable

OF_POSTGRES: Final[tuple[Takes, ...]] = (CUSTOM, DIRECTORY, SQL, SQL_GZ)
OF_SQLITE: Final[tuple[Takes, ...]] = (SQLITE,)
"""What can be taken of a database."""

_ARCHIVE, _GZIP, _SQLITE = b"PGDMP", b"\x1f\x8b", b"SQLite format 3\0"
_CLUSTER_START = b"-- PostgreSQL database cluster dump"
_TAR_MAGIC = slice(257, 262)


def format_of(backup: Path) -> Format:
    """The format of a plain backup; raises BadBackup for what is none, ObservationError for what cannot be read."""
    try:
        if backup.is_dir():
            return _format_of_folder(backup)
        return _format_of_file(head_of(backup))
    except OSError as error:
        raise ObservationError(cannot_read(backup, error)) from None


def _format_of_file(head: bytes) -> Format:
    if not head:
        raise BadBackup(msg("The file is empty"))
    if head.startswith(_ARCHIVE):
        return CUSTOM
    if head.startswith(_GZIP):
        return SQL_GZ
    if head.startswith(_SQLITE):
        return SQLITE
    if SQL_START in head[:1024]:
        return SQL
    if _CLUSTER_START in head[:1024]:
        raise ObservationError(
            msg("Restore drills do not support dumps of a whole cluster (pg_dumpall): dump each database")
        )
    if head[_TAR_MAGIC] == b"ustar":
        raise ObservationError(msg("Restore drills do not support the tar format of pg_dump: use pg_dump -Fc or -Fd"))
    raise BadBackup(msg("The file is not a backup: it begins with {head}", head=_quoted(head)))


def _format_of_folder(folder: Path) -> Format:
    if (folder / "toc.dat").exists():
        return DIRECTORY
    if (folder / "PG_VERSION").exists():
        return BASE
    if any((folder / name).exists() for name in ("base.tar", "base.tar.gz")):
        return BASE_TAR
    if not any(folder.iterdir()):
        raise BadBackup(msg("The folder is empty"))
    raise BadBackup(msg("The folder is not a backup: it contains neither toc.dat nor PG_VERSION nor base.tar"))


def _quoted(head: bytes) -> str:
    """Only text that nobody keeps in a database, such as an error page, is quoted; other bytes in hexadecimal."""
    start = head[:16]
    return printable(start.decode("ascii", "replace")) if start.lstrip().startswith((b"<", b"{")) else start.hex(" ")
