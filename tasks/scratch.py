"""Temporary folders that must not outlive a process that was killed: copies of source code, records of load tests."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_START: Final = "rounds-scan-"
_YOUNG_S = 60.0
"""A folder without a lock may be one that another process has just made."""


@contextmanager
def scratch(start: str = _START) -> Iterator[Path]:
    """A folder that is removed at the end; those of processes that were killed are removed first."""
    _sweep(Path(tempfile.gettempdir()), start)
    with tempfile.TemporaryDirectory(prefix=start, ignore_cleanup_errors=True) as place:
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(place)
        finally:
            os.close(handle)


def _sweep(parent: Path, start: str) -> None:
    for folder in parent.glob(f"{start}*"):
        with suppress(OSError):  # another user's, one that is in use, or one that is gone meanwhile
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                about = os.fstat(handle)
                if about.st_uid != os.geteuid() or time.time() - about.st_mtime < _YOUNG_S:
                    continue
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
