"""Whether the disk has room for a restore."""

import shutil
from pathlib import Path

from tasks.check_result import msg
from tasks.observation import ObservationError, printable

_OWN_BYTES = 300 * 1024 * 1024
"""What an empty server and its write-ahead log take."""


_OVER_LIVE = 1.3
"""A plain backup, or a copy of the files, over what the live database takes."""

_SHARE = 0.9
"""Of the free disk that a backup may fill when it is unpacked."""


class Allowance:
    """How much a backup may come to when it is unpacked or decrypted, so that no few bytes fill the disk.

    `disk_factor` times its size, or the database's size where that is known and larger, and what a server takes; never
    more than the disk has room for.
    """

    def __init__(self, root: Path, bytes_packed: int, disk_factor: float, bytes_known: int | None) -> None:
        free = int(shutil.disk_usage(root).free * _SHARE)
        expected = int(max(bytes_packed * disk_factor, (bytes_known or 0) * _OVER_LIVE)) + _OWN_BYTES
        self.bytes, self._free, self._left = min(expected, free), free, min(expected, free)

    def take(self, size: int) -> None:
        """Count what was unpacked; raises ObservationError when it is too much."""
        self._left -= size
        if self._left < 0:
            raise self.exceeded()

    def require_disk(self, size: int) -> None:
        """Raise ObservationError for more than the disk has room for, where what is unpacked is only read."""
        if size > self._free:
            raise self.exceeded(by_disk=True)

    def exceeded(self, *, by_disk: bool = False) -> ObservationError:
        """Why no more is unpacked."""
        gigabytes = round((self._free if by_disk else self.bytes) / 1e9, 2)
        if by_disk or self.bytes == self._free:
            return ObservationError(
                msg(
                    "Unpacked, the backup is larger than the {gigabytes} GB of free disk space: set [backups] folder "
                    "to a larger disk, or check for a bomb",
                    gigabytes=gigabytes,
                )
            )
        return ObservationError(
            msg(
                "Unpacked, the backup is larger than the {gigabytes} GB that one of its size may come to: raise "
                "[backups] disk_factor if it is right, or check for a bomb",
                gigabytes=gigabytes,
            )
        )


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
