"""A dump in SQL, read from one end to the other."""

from collections.abc import Iterator
from pathlib import Path

from tasks.backups.errors import BadBackup
from tasks.backups.facts import ManifestFile
from tasks.backups.files.start import head_of
from tasks.backups.formats.gzipped import unpacked, unpacked_start
from tasks.backups.formats.interface import Workplace
from tasks.backups.formats.reading import Reading
from tasks.check_result import msg

_MOST_LINE = 1024 * 1024 * 1024
"""PostgreSQL takes no longer statement, and no longer row (MaxAllocSize)."""


class WholeText:
    """One reading of a dump, in gzip if it is `packed`: what no dump contains is found on the way."""

    def __init__(self, plain: Path, packed: bool, at: Workplace) -> None:
        self._reading, self._packed, self._at, self.size = Reading(plain), packed, at, 0
        self._allowance = at.allowance(plain.stat().st_size)

    def pieces(self) -> Iterator[bytes]:
        """The text; raises BadBackup, ObservationError or OSError."""
        line = 0
        for piece in text_of(self._reading.pieces(), packed=self._packed):
            self.size += len(piece)
            line = len(piece) - end - 1 if (end := piece.rfind(b"\n")) >= 0 else line + len(piece)
            self._at.deadline.require()
            if b"\0" in piece:  # psql would leave out the rest of its line
                raise BadBackup(
                    msg("The dump contains NUL bytes, which SQL text never has: part of it was never written")
                )
            if line > _MOST_LINE:  # psql would try to keep it in memory
                raise BadBackup(msg("The dump contains a line of more than 1 GB, which no PostgreSQL can read"))
            self._allowance.require_disk(self.size)
            yield piece

    def require_allowed(self) -> None:
        """Raise ObservationError for a text that is larger than what is restored from such a backup."""
        self._allowance.take(self.size)

    def files(self) -> tuple[ManifestFile, ...]:
        """The file as it was read."""
        return self._reading.files()


def text_of(source: Iterator[bytes], *, packed: bool) -> Iterator[bytes]:
    """The text in the bytes of a file."""
    return unpacked(source) if packed else source


def start_of(plain: Path, *, packed: bool) -> bytes:
    """The first bytes of the text."""
    start = head_of(plain)
    return unpacked_start(start) if packed else start
