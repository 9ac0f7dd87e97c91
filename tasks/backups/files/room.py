"""Whether the disk has room for a restore."""

import shutil
from pathlib import Path

from tasks.check_result import msg
from tasks.observation import ObservationError, printable

_OWN_BYTES = 300 * 1024 * 1024
"""What an empty server and its write-ahead log take."""


def require_room(root: Path, bytes_needed: float) -> None:
    """Raise ObservationError unless the disk has so much room, and what a server takes besides."""
    needed, free = bytes_needed + _OWN_BYTES, shutil.disk_usage(root).free
    if free < needed:
        raise ObservationError(
            msg(
                "Not enough disk space for a restore in {folder}: {needed} GB needed, {free} GB free; set "
                "[backups] folder to a larger disk",
                folder=printable(str(root)),
                needed=round(needed / 1e9, 2),
                free=round(free / 1e9, 2),
            )
        )
