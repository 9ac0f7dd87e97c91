"""The first bytes of a backup."""

import os
from pathlib import Path

from tasks.backups.files.opened import opened
from tasks.check_result import Message, msg
from tasks.observation import printable

_BYTES = 65536


def head_of(backup: Path) -> bytes:
    """The first bytes of a file; raises ObservationError or OSError."""
    with opened(backup) as file:
        return file.read(_BYTES)


def cannot_read(backup: Path, error: OSError) -> Message:
    """Why a backup could not be opened."""
    return msg("{file} cannot be read: {why}", file=printable(backup.name), why=os.strerror(error.errno or 0))
