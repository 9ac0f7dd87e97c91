"""Which format a backup is, by what is in it and never by its name: asked here, once."""

from pathlib import Path
from typing import Final

from tasks.backups.errors import BadBackup
from tasks.backups.files.manifest import files_of
from tasks.backups.files.opened import followed
from tasks.backups.files.start import cannot_read, head_of
from tasks.backups.formats.archive import CUSTOM, DIRECTORY, TAR
from tasks.backups.formats.gzipped import unpacked_start
from tasks.backups.formats.interface import Format, Takes
from tasks.backups.formats.physical.base_backup import BASE, BASE_TAR
from tasks.backups.formats.sql.dump_all import CLUSTER_START, DUMP_ALL, DUMP_ALL_GZ
from tasks.backups.formats.sql.sql_dump import SQL, SQL_GZ, SQL_START
from tasks.backups.formats.sqlite import SQLITE
from tasks.check_result import Message, msg
from tasks.observation import ObservationError, printable
from tasks.outside import external_text

OF_POSTGRES: Final[tuple[Takes, ...]] = (CUSTOM, DIRECTORY, SQL, SQL_GZ)
OF_SQLITE: Final[tuple[Takes, ...]] = (SQLITE,)
"""What can be taken of a database."""

_ARCHIVE, _GZIP, _SQLITE = b"PGDMP", b"\x1f\x8b", b"SQLite format 3\0"
_SQLITE_DUMP = b"BEGIN TRANSACTION;"
_TAR_NAME, _TAR_MAGIC = 100, slice(257, 262)
_PACKED: Final = {b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz", b"\x04\x22\x4d\x18": "lz4", b"BZh": "bzip2"}
_ENDINGS: Final = {".zst": "zstd", ".xz": "xz", ".lz4": "lz4", ".bz2": "bzip2"}


def format_of(backup: Path) -> Format:
    """The format of a plain backup; raises BadBackup for what is none, ObservationError for what cannot be read."""
    try:
        followed(backup)
        if backup.is_dir():
            files_of(backup)  # nothing of it is opened before each of its files is known to be one
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
        return _format_in_gzip(unpacked_start(head))
    if head.startswith(_SQLITE):
        return SQLITE
    if CLUSTER_START in head[:1024]:
        return DUMP_ALL
    if SQL_START in head[:1024]:
        return SQL
    if _SQLITE_DUMP in head[:100]:
        raise ObservationError(
            msg("Restore drills do not support SQL of sqlite3's .dump: copy the file with .backup, or VACUUM INTO")
        )
    if head[_TAR_MAGIC] == b"ustar":
        return _format_of_tar(head, TAR)
    if (method := next((name for magic, name in _PACKED.items() if head.startswith(magic)), None)) is not None:
        raise ObservationError(_packed(method))
    raise BadBackup(msg("The file is not a backup: it begins with {head}", head=_quoted(head)))


def _format_in_gzip(head: bytes) -> Format:
    if head[_TAR_MAGIC] == b"ustar":
        return _format_of_tar(head, None)
    if head.startswith(_ARCHIVE):
        raise ObservationError(
            msg("Restore drills do not support an archive of pg_dump -Fc within gzip: it is compressed by itself")
        )
    return DUMP_ALL_GZ if CLUSTER_START in head[:1024] else SQL_GZ


def _format_of_tar(head: bytes, archive: Format | None) -> Format:
    """By its first file; every base backup begins with one of these, as PostgreSQL's server sends it.

    `archive` is what one of pg_dump is, None within gzip.
    """
    first = head[:_TAR_NAME].rstrip(b"\0")
    if first in (b"backup_label", b"tablespace_map", b"PG_VERSION"):
        return BASE_TAR
    if first == b"toc.dat":
        if archive is None:
            raise ObservationError(
                msg("Restore drills do not support an archive of pg_dump -Ft within gzip: use pg_dump -Fc")
            )
        return archive
    raise ObservationError(
        msg("Restore drills support only tar files of pg_basebackup and pg_dump; this one begins with {name}",
            name=external_text(first.decode("utf-8", "replace"), 80))
    )  # fmt: skip


def _packed(method: str) -> Message:
    return msg("The backup is compressed with {method}, which restore drills do not read: use gzip", method=method)


def _format_of_folder(folder: Path) -> Format:
    if (folder / "toc.dat").exists():
        return DIRECTORY
    if (folder / "PG_VERSION").exists():
        return BASE
    if any((folder / name).exists() for name in ("base.tar", "base.tar.gz")):
        return BASE_TAR
    if (other := next(folder.glob("base.tar.*"), None)) is not None:
        raise ObservationError(_packed(_ENDINGS.get(other.suffix, external_text(other.suffix, 20))))
    if not any(folder.iterdir()):
        raise BadBackup(msg("The folder is empty"))
    raise BadBackup(msg("The folder is not a backup: it contains neither toc.dat nor PG_VERSION nor base.tar"))


def _quoted(head: bytes) -> str:
    """Only text that nobody keeps in a database, such as an error page, is quoted; other bytes in hexadecimal."""
    start = head[:16]
    return printable(start.decode("ascii", "replace")) if start.lstrip().startswith((b"<", b"{")) else start.hex(" ")
