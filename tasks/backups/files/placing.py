"""Why a backup's file is not in its place."""

import os
from pathlib import Path

from tasks.check_result import msg
from tasks.observation import ObservationError, printable

_PATH_CHARS = 300


def refuse_existing(target: Path) -> None:
    """Raise ObservationError for a place that is taken."""
    if os.path.lexists(target):
        raise already_there(target)


def already_there(file: Path) -> ObservationError:
    """A place that is taken."""
    return ObservationError(msg("{file} already exists and is not overwritten", file=printable(str(file), _PATH_CHARS)))


def not_written(file: Path, error: OSError) -> ObservationError:
    """Why a backup could not be written."""
    why = error.strerror or type(error).__name__
    return ObservationError(msg("{file} cannot be written: {why}", file=printable(str(file), _PATH_CHARS), why=why))
