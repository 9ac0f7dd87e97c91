"""Finds the backups that a pattern names; nothing that stands in the way of seeing one is passed over."""

import os
import stat as modes
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from tasks.backups.facts import Backup
from tasks.backups.files.manifest import SUFFIX, read_manifest
from tasks.backups.files.opened import followed
from tasks.check_result import msg
from tasks.found_files import GONE, matches, named, start_of, unreadable
from tasks.observation import ObservationError, printable

_MARKS = frozenset({"toc.dat", "toc.dat.gz", "backup_manifest", "PG_VERSION"})
"""A folder with one of them is a backup: pg_dump -Fd and pg_basebackup write no other."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file or a folder that is named like a backup; `at` is when it was last written."""

    path: Path
    bytes: int
    at: datetime


def find_backups(folder: Path, pattern: str) -> tuple[Backup, ...]:
    """The backups of a pattern, newest first, none if nothing matches.

    A relative pattern starts from `folder`; `*` stands for no `/`. Raises ObservationError.
    """
    backups = (_dated(found) for found in find_files(folder, pattern))
    return tuple(sorted(backups, key=lambda backup: (backup.at, str(backup.path)), reverse=True))


def find_files(folder: Path, pattern: str) -> tuple[Found, ...]:
    """What a pattern names, without half-written files and manifests; a link leads to a place below its folder.

    Raises ObservationError.
    """
    begin, parts = start_of(pattern)
    start = folder / begin
    _require_folder(start, pattern)
    found = []
    for path in sorted(matches(start, parts, _stop)):
        if not path.name.startswith(".") and not path.name.endswith((SUFFIX, ".partial")):
            found.append(_found_at(path))
    return tuple(each for each in found if each is not None)


def _dated(found: Found) -> Backup:
    try:
        manifest = read_manifest(found.path)
    except ObservationError:  # the step that checks the manifest reports it
        manifest = None
    # A time without a zone is not an instant.
    if manifest is None or manifest.started_at.utcoffset() is None:
        return Backup(found.path, found.at, found.bytes)
    return Backup(found.path, manifest.started_at.astimezone(UTC), found.bytes, known_start=True)


def _require_folder(start: Path, pattern: str) -> None:
    try:
        is_folder = modes.S_ISDIR(start.stat().st_mode)
    except FileNotFoundError:
        raise ObservationError(
            msg(
                "The folder {folder} in the pattern {pattern} does not exist: mount it, or correct the pattern",
                folder=named(start),
                pattern=printable(pattern, 200),
            )
        ) from None
    except OSError as error:
        _stop(start, error)
    if not is_folder:
        raise ObservationError(
            msg("{folder} in the pattern {pattern} is not a folder", folder=named(start), pattern=printable(pattern))
        )


def _found_at(path: Path) -> Found | None:
    """A backup as it is, None if it is no backup or has gone meanwhile."""
    try:
        stat = path.stat()
        followed(path)
        if modes.S_ISDIR(stat.st_mode):
            return _whole_folder(path, stat)
        return _found(path, stat.st_size, stat.st_mtime) if modes.S_ISREG(stat.st_mode) else None
    except GONE:
        if path.is_symlink():
            raise ObservationError(
                msg("{file} is a broken link: remove it, or restore its target", file=named(path))
            ) from None
        return None
    except OSError as error:
        _stop(path, error)


def _whole_folder(path: Path, stat: os.stat_result) -> Found | None:
    names = {inside.name for inside in path.iterdir()}
    if names and _MARKS.isdisjoint(names):
        return None
    stats = list(_stats(path))
    newest = max((each.st_mtime for each in stats), default=stat.st_mtime)
    return _found(path, sum(each.st_size for each in stats), newest)


def _stats(folder: Path) -> Iterator[os.stat_result]:
    """Every regular file of a folder, no link; one removed meanwhile is not counted."""
    for parent, _, names in os.walk(folder, onerror=_not_seen):
        for name in names:
            try:
                stat = Path(parent, name).lstat()
            except GONE:
                continue
            if modes.S_ISREG(stat.st_mode):
                yield stat


def _not_seen(error: OSError) -> None:
    if not isinstance(error, GONE):
        raise error


def _found(path: Path, size: int, mtime_s: float) -> Found:
    try:
        return Found(path, size, datetime.fromtimestamp(mtime_s, UTC))
    except (ValueError, OverflowError):
        raise ObservationError(
            msg("{file} has an invalid modification time: correct it with touch", file=named(path))
        ) from None


def _stop(path: Path, error: OSError) -> NoReturn:
    raise ObservationError(unreadable(path, error))
