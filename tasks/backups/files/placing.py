"""A backup's file in its place: never over another one, and on the disk before anybody is told of it."""

import os
from pathlib import Path

from tasks.check_result import msg
from tasks.observation import ObservationError, shown

_PATH_CHARS = 300


def refuse_existing(target: Path) -> None:
    """Raise ObservationError for a place that is taken."""
    if target.is_symlink() or target.exists():
        file = shown(str(target), _PATH_CHARS)
        raise ObservationError(msg("{file} is there already, and is not overwritten", file=file))


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk; raises OSError."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def not_written(file: Path, error: OSError) -> ObservationError:
    """Why a backup could not be written."""
    why = error.strerror or type(error).__name__
    return ObservationError(msg("{file} cannot be written: {why}", file=shown(str(file), _PATH_CHARS), why=why))
