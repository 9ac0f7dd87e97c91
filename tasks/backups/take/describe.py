"""Writes the manifest of a backup that the team made itself."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.backups.contents.live import read_live
from tasks.backups.errors import BackupRefused, BadBackup
from tasks.backups.facts import Contents, Manifest
from tasks.backups.files.encryption import appears_encrypted
from tasks.backups.files.manifest import files_of, hashed_files, manifest_path, write_manifest
from tasks.backups.formats.recognise import format_of
from tasks.backups.targets import Target
from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved, printable
from tasks.progress import BACKUP, tell

_ENCRYPTED = "encrypted"
_CLOCK = timedelta(minutes=5)
Stamp = tuple[tuple[str, int, int], ...]


def describe(
    target: Target, backup: Path, started_at: datetime | None, now: datetime, deadline: Deadline, *,
    exact_rows: int | None, replace: bool,
) -> Path:  # fmt: skip
    """Record a backup's files and the present contents of the live database; gives the manifest's path.

    Live tables of more than `exact_rows` are estimated; with None the live database is not read. Without
    `started_at` the backup began when it was last written. Raises BackupRefused or ObservationError.
    """
    backup, name = backup.absolute(), printable(str(backup), 300)
    tool = _tool(backup)
    if not replace and manifest_path(backup).exists():
        raise BackupRefused(f"{name} already has a manifest: use --replace if the backup was made again")
    if started_at is not None and started_at > now + _CLOCK:
        raise BackupRefused(f"--started: {started_at:%Y-%m-%dT%H:%M:%SZ} is in the future")
    try:
        before = _stamp(backup)
        files = hashed_files(backup, lambda done, of: tell(BACKUP, done, of))
        started_at = started_at or datetime.fromtimestamp(max(at for _, _, at in before) / 1e9, UTC)
        contents = None if exact_rows is None else _live(target, started_at, exact_rows, deadline)
        if _stamp(backup) != before:
            raise ObservationError(
                msg("{file} changed while it was being read: run again when it is finished", file=name)
            )
        # Of another moment than the backup: never exact.
        return write_manifest(backup, Manifest(target.name, started_at, now, files, tool, contents))
    except BadBackup as bad:
        raise BackupRefused(f"{name} cannot get a manifest: {bad}") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ObservationError(msg("The manifest of {file} cannot be written: {why}", file=name, why=why)) from None


def _tool(backup: Path) -> str:
    """What made it; refuses what is not a backup."""
    try:
        return _ENCRYPTED if appears_encrypted(backup) else format_of(backup).form.value
    except (BadBackup, ObservationError) as error:
        raise BackupRefused(f"{printable(str(backup), 300)} cannot get a manifest: {error}") from None


def _stamp(backup: Path) -> Stamp:
    """Changes whenever one of its files does."""
    stats = ((os.fsdecode(file), file.stat()) for file in files_of(backup))
    return tuple((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)


def _live(target: Target, until: datetime, exact_rows: int, deadline: Deadline) -> Contents | None:
    """None where no live database is known."""
    if target.live is None:
        return None
    contents = read_live(target, until, exact_rows, deadline)
    if isinstance(contents, Unobserved):
        raise ObservationError(contents.reason)
    return contents
