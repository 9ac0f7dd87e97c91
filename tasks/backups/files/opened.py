"""Opens a backup's files: regular files only, and no link that leads out of its folder."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from tasks.check_result import msg
from tasks.found_files import named
from tasks.observation import ObservationError

_MOST_LINKS: Final = 40
"""As many as Linux follows."""


def opened(file: Path) -> BinaryIO:
    """A file to be read; a pipe or a device is neither read nor waited for. Raises ObservationError, and OSError."""
    descriptor = os.open(followed(file), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ObservationError(msg("{file} is not a regular file", file=named(file)))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def followed(path: Path) -> Path:
    """Where a link such as `latest.dump` leads to; anything else as it is.

    Raises ObservationError for one that leads out of its folder, be it on the way.
    """
    if not path.is_symlink():
        return path
    home, place = path.parent.resolve(), path
    for _ in range(_MOST_LINKS):
        place = place.resolve() if place.name == ".." else place.parent.resolve() / place.name
        if not place.is_relative_to(home):
            raise ObservationError(
                msg(
                    "{file} is a link that leads out of its folder, which is not followed: set pattern to where the "
                    "backups are, or keep a copy there",
                    file=named(path),
                )
            )
        if not place.is_symlink():
            return place
        place = place.parent / place.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
