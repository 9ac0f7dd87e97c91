"""Reads tar files as a stream: what is in them is bounded, and nothing but files and folders is unpacked."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, cast

from tasks.backups.errors import BadBackup
from tasks.backups.files.manifest import pieces
from tasks.backups.files.room import Allowance
from tasks.backups.files.start import head_of
from tasks.backups.formats.gzipped import GZIP, unpacked
from tasks.backups.reasons import TABLESPACES
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, printable

_PIECE: Final = 1024 * 1024
_BLOCK: Final = 4096
"""What a file takes on disk at least."""

_MOST_AT_ONCE: Final = 16 * 1024 * 1024
"""tarfile reads a header into memory, whatever its length says."""

_BROKEN = (tarfile.TarError, ValueError, EOFError)


@dataclass(frozen=True, slots=True)
class Tarball:
    """A tar file of a backup, in gzip or not."""

    file: Path
    deadline: Deadline

    def start_of(self, name: str, size: int) -> bytes:
        """The first bytes of a file in it, empty if there is none; raises BadBackup."""
        try:
            for tar, member in _members(self._stream()):
                if member.name == name and (source := tar.extractfile(member)) is not None:
                    return source.read(size)
        except _BROKEN as error:
            raise BadBackup(_damaged(error)) from None
        return b""

    def unpack(self, into: Path, allowance: Allowance) -> None:
        """Everything in it, readable by its owner alone; raises BadBackup, ObservationError or OSError."""
        stream = self._stream()
        try:
            for tar, member in _members(stream):
                place = into / _name_of(member)
                allowance.take(_BLOCK)
                if member.isdir():
                    place.mkdir(mode=0o700, parents=True, exist_ok=True)
                    continue
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(cast(IO[bytes], tar.extractfile(member)), place, member, allowance)
            while stream.read(_PIECE):  # so that the checksum at the end of a gzip file is compared too
                pass
        except _BROKEN as error:
            raise BadBackup(_damaged(error)) from None

    def _stream(self) -> "_Stream":
        packed = head_of(self.file).startswith(GZIP)
        return _Stream(_unpacked(self.file) if packed else pieces(self.file), self.deadline)


def _unpacked(file: Path) -> Iterator[bytes]:
    try:
        yield from unpacked(pieces(file))
    except BadBackup as bad:
        raise tarfile.ReadError(str(bad)) from None


class _Stream:
    """What tarfile takes for a file: read forwards alone, in time, and never much at once."""

    def __init__(self, source: Iterator[bytes], deadline: Deadline) -> None:
        self._source, self._deadline, self._rest, self._at = source, deadline, b"", 0

    def read(self, size: int) -> bytes:
        if size > _MOST_AT_ONCE:
            raise tarfile.ReadError("a header is too large")
        parts, wanted = [], size
        while wanted:
            if not self._rest:
                self._deadline.require()
                self._rest = next(self._source, b"")
                if not self._rest:
                    break
            parts.append(self._rest[:wanted])
            self._rest = self._rest[wanted:]
            wanted -= len(parts[-1])
        found = b"".join(parts)
        self._at += len(found)
        return found

    def tell(self) -> int:
        return self._at

    def seek(self, place: int) -> None:
        while (left := place - self._at) > 0 and self.read(min(left, _PIECE)):
            pass
        if left < 0:
            raise tarfile.StreamError("it refers to an earlier place")


def _members(stream: _Stream) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    with tarfile.TarFile(fileobj=cast(IO[bytes], stream)) as tar:
        while (member := tar.next()) is not None:
            yield tar, member
            tar.members = []  # type: ignore[attr-defined]  # tarfile would keep them all


def _name_of(member: tarfile.TarInfo) -> PurePosixPath:
    """Where a member belongs; raises for what is neither a file nor a folder, or would be elsewhere."""
    path, name = PurePosixPath(member.name), printable(member.name, 120)
    if path.is_absolute() or ".." in path.parts or "\0" in member.name:
        raise BadBackup(msg("The tar file contains {file}, which leads out of its folder", file=name))
    if member.issym() and path.parent == PurePosixPath("pg_tblspc"):
        raise ObservationError(TABLESPACES)
    if not (member.isreg() or member.isdir()):
        raise BadBackup(msg("The tar file contains {file}, which is neither a file nor a folder", file=name))
    return path


def _write(source: IO[bytes], place: Path, member: tarfile.TarInfo, allowance: Allowance) -> None:
    try:
        with place.open("xb") as target:
            place.chmod(0o600)
            left = member.size
            while left:
                piece = source.read(min(left, _PIECE))
                if not piece:
                    raise tarfile.ReadError("unexpected end of data")
                allowance.take(len(piece))
                target.write(piece)
                left -= len(piece)
    except (FileExistsError, IsADirectoryError):
        raise BadBackup(msg("The tar file contains {file} twice", file=printable(member.name, 120))) from None


def _damaged(error: Exception) -> Message:
    return msg("The tar file is damaged: {why}", why=printable(str(error), 100))
