"""The manifest beside a backup: what its files and its database were when it was made."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Contents, Manifest, ManifestFile
from tasks.backups.files.opened import opened
from tasks.backups.reasons import TABLESPACES
from tasks.canonical import canonical
from tasks.check_result import msg
from tasks.files import write_whole
from tasks.observation import ObservationError, printable

SUFFIX = ".manifest.json"
_MOST_BYTES = 256 * 1024 * 1024
_PIECE = 1024 * 1024

ProgressCallback = Callable[[int, int], None]


class _ManifestDocument(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal["opsrounds-backup/1"] = "opsrounds-backup/1"
    manifest: Manifest


_ADAPTER = TypeAdapter(_ManifestDocument)


def manifest_path(backup: Path) -> Path:
    """Where the manifest of a backup is."""
    return backup.with_name(backup.name + SUFFIX)


def read_manifest(backup: Path) -> Manifest | None:
    """What was recorded beside a backup, None if nothing was; raises ObservationError if it cannot be read."""
    path = manifest_path(backup)
    try:
        with opened(path) as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise ObservationError(msg("{file} is too large for a manifest", file=printable(path.name)))
        return _ADAPTER.validate_json(text).manifest
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ObservationError(
            msg("The manifest {file} cannot be read: {why}", file=printable(path.name), why=str(error.strerror))
        ) from None
    except ValidationError as error:
        raise ObservationError(
            msg(
                "{file} is not an opsrounds manifest: {why}",
                file=printable(path.name),
                why=printable(f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}", 200),
            )
        ) from None


def write_manifest(backup: Path, manifest: Manifest) -> Path:
    """Keep a manifest beside its backup, in one step; raises OSError."""
    path = manifest_path(backup)
    text = canonical(_ManifestDocument(manifest=manifest).model_dump(mode="json")) + "\n"
    write_whole(path, text.encode(), mode=0o600)
    return path


def files_of(backup: Path) -> tuple[Path, ...]:
    """The files that a backup is made of, in a stable order.

    Raises BadBackup or ObservationError for a folder with anything but files and folders in it, and OSError.
    """
    if not backup.is_dir():
        return (backup,)
    folders, files = [backup], []
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    files.append(Path(entry.path))
                else:
                    raise _not_of_a_backup(Path(entry.path), backup)
    return tuple(sorted(files))


def _not_of_a_backup(path: Path, backup: Path) -> Exception:
    if not path.is_symlink():
        return BadBackup(
            msg(
                "{file} in the backup is a pipe, a socket or a device, which no backup contains",
                file=_inside(path, backup),
            )
        )
    if path.parent == backup / "pg_tblspc":
        return ObservationError(TABLESPACES)
    return BadBackup(
        msg(
            "{file} in the backup is a link, which drills do not follow: a backup has only files and folders in it "
            "(take a base backup without --waldir)",
            file=_inside(path, backup),
        )
    )


def _inside(path: Path, backup: Path) -> str:
    return printable(str(path.relative_to(backup)), 120)


def name_of(file: Path, backup: Path) -> str:
    """A file's name in the manifest: relative to the backup's folder, with what is no text spelt out."""
    return os.fsencode(file.relative_to(backup.parent)).decode("utf-8", "backslashreplace")


def hashed_files(backup: Path, report_progress: ProgressCallback | None = None) -> tuple[ManifestFile, ...]:
    """Every file of a backup with its SHA-256; raises BadBackup, ObservationError or OSError."""
    files = files_of(backup)
    total, done = sum(file.stat().st_size for file in files), 0
    found = []
    for file in files:
        digest, size = hashlib.sha256(), 0
        for piece in pieces(file):
            digest.update(piece)
            size += len(piece)
            done += len(piece)
            if report_progress is not None:
                report_progress(done, total)
        found.append(ManifestFile(name_of(file, backup), size, digest.hexdigest()))
    return tuple(found)


def pieces(file: Path) -> Iterator[bytes]:
    """A file's bytes, a mebibyte at a time; raises ObservationError or OSError."""
    with opened(file) as source:
        with suppress(AttributeError, OSError):
            os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while piece := source.read(_PIECE):
            yield piece


def manifest_of(
    database: str,
    files: tuple[ManifestFile, ...],
    tool: str,
    times: tuple[datetime, datetime],
    contents: Contents | None,
) -> Manifest:
    """A manifest whose contents, if there are any, were read in the backup's own snapshot."""
    return Manifest(database, *times, files, tool, contents, exact=contents is not None)
