"""Whether the rows in an archive are there to their end, where no checksum shows it: pg_restore takes what is there."""

import os
import re
import tarfile
from pathlib import Path
from typing import BinaryIO, Final

from tasks.backups.errors import BadBackup
from tasks.backups.files.opened import opened
from tasks.check_result import msg
from tasks.observation import printable

_ROWS_END, _INSERTS, _INSERTS_END = b"\\.\n\n\n", b"INSERT INTO ", b"\n\n"
_ROWS = re.compile(r"\d+\.dat")
_BLOCK: Final = 512
_LAST: Final = "restore.sql"
"""What pg_dump writes behind the rows."""


def ends_with_its_rows(file: BinaryIO, start: int, size: int) -> bool:
    """Whether the rows of a table that fill so many bytes of a file are there to their end, as COPY or as INSERT."""
    file.seek(start)
    first = file.read(min(size, len(_INSERTS)))
    tail = min(size, len(_ROWS_END))
    file.seek(start + size - tail)
    end = file.read(tail)
    return end == _ROWS_END or (first in (_INSERTS, _INSERTS_END) and end.endswith(_INSERTS_END))


def rows_missing(name: str) -> BadBackup:
    """A file of rows is cut short."""
    return BadBackup(msg("{file} is truncated: rows are missing", file=printable(name, 120)))


def require_whole_tar(archive: Path) -> None:
    """Raise BadBackup for an archive in a tar file that is cut short, or has a table's rows cut short in it."""
    with opened(archive) as file:
        size, place, name = os.fstat(file.fileno()).st_size, 0, ""
        while (header := _read_at(file, place)) != bytes(_BLOCK):
            try:
                member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
            except tarfile.TarError as error:
                raise BadBackup(
                    msg("The tar file is damaged: {why}", why=printable(f"{error} (byte {place})", 100))
                ) from None
            name, start = member.name, place + _BLOCK
            place = start + -(-member.size // _BLOCK) * _BLOCK
            if not member.isreg() or member.size < 0 or place > size:
                raise rows_missing(name)
            if _ROWS.fullmatch(name) and not ends_with_its_rows(file, start, member.size):
                raise rows_missing(name)
        if name != _LAST or _read_at(file, place + _BLOCK) != bytes(_BLOCK):
            raise BadBackup(msg("The tar file is truncated: its end is missing"))


def _read_at(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.read(_BLOCK)
