"""Physical backups of pg_basebackup, a folder or tar files: verified by their own manifest."""

import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Form
from tasks.backups.files.manifest import hashed_files
from tasks.backups.files.opened import opened
from tasks.backups.files.room import Allowance, require_room
from tasks.backups.formats.gzipped import GZIP
from tasks.backups.formats.interface import Copy, Decoded, Head, Known, Workplace
from tasks.backups.formats.physical.cluster import copied, started
from tasks.backups.formats.physical.tar_file import Tarball
from tasks.backups.formats.programs import fitting
from tasks.backups.formats.server import require_space
from tasks.backups.reasons import TABLESPACES
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
_VERSION, _VERSION_BYTES = "PG_VERSION", 16
_TAR_END = 1024
_ROOM_UNPACKED = 1.2


@dataclass(frozen=True, slots=True)
class BaseBackup:
    """A copy of a cluster's files, as a folder or packed in tar files, or in one."""

    form: Form
    packed: bool = False

    def read_head(self, plain: Path, at: Workplace) -> Head:
        """Its major version."""
        _require_whole(plain)
        text = _packed_version(plain, at.deadline) if self.packed else _version(plain)
        try:
            return Head(needed_major=int(text.strip()))
        except ValueError:
            raise BadBackup(msg("PG_VERSION contains no version: {text}", text=printable(text.strip(), 20))) from None

    def decode(self, plain: Path, head: Head, at: Workplace) -> Decoded:
        """Copy or unpack it, as a recovery has to, and compare every file with backup_manifest."""
        programs = fitting(at.installations(), head.needed_major, exactly=True)
        files = hashed_files(plain, at.deadline.progress(BACKUP))
        size = sum(file.bytes for file in files)
        require_room(at.folder, size * _ROOM_UNPACKED)
        began = time.monotonic()
        room = at.confinement.room("server")
        cluster = room.path / DATA
        if self.packed:
            _unpack(plain, cluster, at.deadline, at.allowance(size))
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
    with opened(backup / _VERSION) as file:
        return file.read(_VERSION_BYTES).decode("ascii", "replace")


def _packed_version(backup: Path, deadline: Deadline) -> str:
    return Tarball(_tar_of(backup, _BASE), deadline).start_of(_VERSION, _VERSION_BYTES).decode("ascii", "replace")


def _require_whole(backup: Path) -> None:
    """Raise BadBackup or ObservationError for a physical backup that cannot be drilled."""
    if backup.is_file():  # its manifest is its last file, and one tar has no tablespaces
        return
    if not (backup / MANIFEST).exists():
        raise _no_manifest()
    spaces = backup / "pg_tblspc"
    if (spaces.is_dir() and any(spaces.iterdir())) or [*backup.glob("[0-9]*.tar*")]:
        raise ObservationError(TABLESPACES)


def _unpack(backup: Path, into: Path, deadline: Deadline, allowance: Allowance) -> None:
    """The cluster of a tar backup as a folder; raises BadBackup, ObservationError, and OSError."""
    into.mkdir(mode=0o700)
    Tarball(_tar_of(backup, _BASE), deadline).unpack(into, allowance)
    if backup.is_file():
        _require_ended(backup, into)
    else:
        if (wal := _found_tar(backup, _WAL)) is not None:
            Tarball(wal, deadline).unpack(into / _WAL, allowance)
        with opened(backup / MANIFEST) as source, (into / MANIFEST).open("wb") as target:
            shutil.copyfileobj(source, target)
    if not any(_SEGMENT.fullmatch(file.name) for file in (into / _WAL).glob("*")):
        raise BadBackup(
            msg(
                "The backup has no write-ahead log, so that no server starts on it: pg_wal.tar is missing, or it was "
                "taken with -X none (take it with -X stream or -X fetch)"
            )
        )


def _require_ended(tar: Path, into: Path) -> None:
    """Raise for one tar without its last file, which is the manifest."""
    if (into / MANIFEST).exists():
        return
    with opened(tar) as file:
        packed = file.read(2) == GZIP
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


def _tar_of(backup: Path, name: str) -> Path:
    if (file := _found_tar(backup, name)) is None:
        raise BadBackup(msg("{file} is missing from the backup", file=f"{name}.tar"))
    return file


def _found_tar(backup: Path, name: str) -> Path | None:
    if backup.is_file():  # of `pg_basebackup -D - -Ft`
        return backup
    return next((file for file in (backup / f"{name}.tar", backup / f"{name}.tar.gz") if file.exists()), None)


def _not_verified(why: str) -> Message:
    return msg("pg_verifybackup rejects the backup: {why}", why=why)


def _no_wal(why: str) -> Message:
    return msg("The backup's write-ahead log (WAL) is damaged or incomplete: {why}", why=why)
