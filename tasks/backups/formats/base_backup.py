"""Physical backups of pg_basebackup, a folder or tar files: verified by their own manifest."""

import gzip
import os
import re
import shutil
import tarfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Form
from tasks.backups.files.manifest import hashed_files
from tasks.backups.files.room import require_room
from tasks.backups.formats.cluster import copied, started
from tasks.backups.formats.interface import Copy, Decoded, Head, Known, Workplace
from tasks.backups.formats.programs import fitting
from tasks.backups.formats.server import require_space
from tasks.backups.tool_words import require_good
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, printable
from tasks.postgres.installation import Installation
from tasks.postgres.throwaway import DATA
from tasks.processes import run
from tasks.progress import BACKUP
from tasks.sandbox.confinement import Room

MANIFEST: Final = "backup_manifest"
_BASE, _WAL = "base", "pg_wal"
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_GZIP, _TAR_END = b"\x1f\x8b", 1024
_ROOM_UNPACKED = 1.2
_BROKEN = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


@dataclass(frozen=True, slots=True)
class BaseBackup:
    """A copy of a cluster's files, as a folder or packed in tar files, or in one."""

    form: Form
    packed: bool = False

    def read_head(self, plain: Path, at: Workplace) -> Head:
        """Its major version."""
        _require_whole(plain)
        text = (_packed_version if self.packed else _version)(plain)
        try:
            return Head(needed_major=int(text.strip()))
        except ValueError:
            raise BadBackup(msg("PG_VERSION contains no version: {text}", text=printable(text.strip(), 20))) from None

    def decode(self, plain: Path, head: Head, at: Workplace) -> Decoded:
        """Copy or unpack it, as a recovery has to, and compare every file with backup_manifest."""
        programs = fitting(at.installations(), head.needed_major, exactly=True)
        files = hashed_files(plain, at.deadline.progress(BACKUP))
        require_room(at.folder, sum(file.bytes for file in files) * _ROOM_UNPACKED)
        began = time.monotonic()
        room = at.confinement.room("server")
        cluster = room.path / DATA
        if self.packed:
            _unpack(plain, cluster, at.deadline)
        else:
            copied(plain, cluster)
        at.confinement.give(cluster)
        took_s = time.monotonic() - began
        _verify(room, programs, at.deadline)
        return Decoded(head, files, cluster, took_s, room)

    def restore(self, decoded: Decoded, bytes: int, known: Known, at: Workplace) -> Copy:
        """Start the copied cluster."""
        assert decoded.room is not None  # it was copied to be verified
        require_space(decoded.head, bytes, known, at)
        programs = fitting(at.installations(), decoded.head.needed_major, exactly=True)
        return started(programs, known, decoded.room, at)


BASE: Final = BaseBackup(Form.BASE)
BASE_TAR: Final = BaseBackup(Form.BASE_TAR, packed=True)


def _version(backup: Path) -> str:
    return (backup / "PG_VERSION").read_text(encoding="ascii", errors="replace")


def _packed_version(backup: Path) -> str:
    with _opened(backup, _BASE) as tar:
        try:
            # Not by its name: that would read the whole file first.
            member = next((tar.extractfile(one) for one in tar if one.name == "PG_VERSION"), None)
            return "" if member is None else member.read(16).decode("ascii", "replace")
        except _BROKEN as error:
            raise BadBackup(_broken_tar(error)) from None


def _require_whole(backup: Path) -> None:
    """Raise BadBackup or ObservationError for a physical backup that cannot be drilled."""
    if backup.is_file():  # its manifest is its last file, and one tar has no tablespaces
        return
    if not (backup / MANIFEST).exists():
        raise _no_manifest()
    spaces = backup / "pg_tblspc"
    if (spaces.is_dir() and any(spaces.iterdir())) or [*backup.glob("[0-9]*.tar*")]:
        raise ObservationError(msg("Restore drills do not support base backups with tablespaces"))


def _unpack(backup: Path, into: Path, deadline: Deadline) -> None:
    """The cluster of a tar backup as a folder; raises BadBackup, ObservationError, and OSError."""
    into.mkdir(mode=0o700)
    _extract(backup, _BASE, into, deadline)
    if backup.is_file():
        _require_ended(backup, into)
    else:
        if _tar_of(backup, _WAL) is not None:
            _extract(backup, _WAL, into / _WAL, deadline)
        shutil.copy2(backup / MANIFEST, into / MANIFEST)
    if not any(_SEGMENT.fullmatch(file.name) for file in (into / _WAL).glob("*")):
        raise BadBackup(
            msg(
                "The backup has no write-ahead log, so that no server starts on it: pg_wal.tar is missing, or it was "
                "taken with -X none (take it with -X stream or -X fetch)"
            )
        )


def _extract(backup: Path, name: str, into: Path, deadline: Deadline) -> None:
    deadline.require()
    try:
        with _opened(backup, name) as tar:
            tar.extractall(into, filter="data")
    except _BROKEN as error:
        raise BadBackup(_broken_tar(error)) from None


def _require_ended(tar: Path, into: Path) -> None:
    """Raise for one tar without its last file, which is the manifest."""
    if (into / MANIFEST).exists():
        return
    with tar.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(-min(tar.stat().st_size, _TAR_END), os.SEEK_END)
        if not packed and any(file.read()):
            raise BadBackup(msg("The tar file is damaged: {why}", why="unexpected end of data"))
    raise _no_manifest()


def _no_manifest() -> ObservationError:
    return ObservationError(
        msg("The base backup has no backup_manifest: take it without --no-manifest so that it can be verified")
    )


def _verify(room: Room, installation: Installation, deadline: Deadline) -> None:
    """Verify every file and the write-ahead log against backup_manifest; raises BadBackup or ObservationError."""
    argv = [installation.program("pg_verifybackup"), "--quiet", str(room.inside / DATA)]
    verified = run(argv, deadline_s=deadline.require(), **room.options(*installation.folders))
    doing = _no_wal if b"WAL parsing failed" in verified.stderr else _not_verified
    require_good(verified, doing, program=argv[0])


def _tar_of(backup: Path, name: str) -> Path | None:
    if backup.is_file():  # of `pg_basebackup -D - -Ft`
        return backup
    return next((file for file in (backup / f"{name}.tar", backup / f"{name}.tar.gz") if file.exists()), None)


def _opened(backup: Path, name: str) -> tarfile.TarFile:
    file = _tar_of(backup, name)
    if file is None:
        raise BadBackup(msg("{file} is missing from the backup", file=f"{name}.tar"))
    try:
        return tarfile.open(file)
    except _BROKEN as error:
        raise BadBackup(_broken_tar(error)) from None


def _broken_tar(error: Exception) -> Message:
    return msg("The tar file is damaged: {why}", why=printable(str(error), 100))


def _not_verified(why: str) -> Message:
    return msg("pg_verifybackup rejects the backup: {why}", why=why)


def _no_wal(why: str) -> Message:
    return msg("The backup's write-ahead log (WAL) is damaged or incomplete: {why}", why=why)
