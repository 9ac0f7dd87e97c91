"""Watches what a sandbox takes, and ends it when it is more than its bounds."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

from tasks.sandbox.bounds import Bounds

_EVERY_S: Final = 0.05
_LOOK_EVERY_S, _SHARE_LOOKING = 2.0, 0.02
"""How often the folder is looked through whatever the disk says, and how much of the time at most."""

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_KIB: Final = 1024
_BLOCK: Final = 512
_SHARE_LEFT: Final = 0.1
"""Of the free disk and of the free memory: where so little of it is left, it does not matter who took it."""


class Exceeded(StrEnum):
    """The bound at which a program was ended."""

    MEMORY = "memory"
    DISK = "disk"
    FILES = "files"


class Watch:
    """Looks at a sandbox every 50 ms until `stop`; `end` is called once, at the first bound that is exceeded."""

    def __init__(self, first: int, folder: Path, bounds: Bounds, end: Callable[[], None]) -> None:
        self.exceeded: Exceeded | None = None
        self._first, self._folder, self._bounds, self._end = first, folder, bounds, end
        self._free, self._inodes = _left(folder)
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        self._memory = psutil.virtual_memory().available
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY_S):
            with suppress(OSError):  # what ends or is removed meanwhile
                self.exceeded = self._over()
            if self.exceeded is not None:
                self._end()
                return

    def _over(self) -> Exceeded | None:
        # The first is quick to read, the second true: what is shared counts once.
        if all(sum(map(held, _tree(self._first))) > self._bounds.memory for held in (_resident, _proportional)):
            return Exceeded.MEMORY
        if psutil.virtual_memory().available < self._memory * _SHARE_LEFT:
            return Exceeded.MEMORY
        free, inodes = _left(self._folder)
        if free < self._free * _SHARE_LEFT:
            return Exceeded.DISK
        # Others write to the same disk, and remove from it: only what is in the folder decides.
        taken = self._free - free > self._bounds.disk or self._inodes - inodes > self._bounds.files
        began = time.monotonic()
        if not taken and began < self._look_at:
            return None
        found = self._in_folder()
        now = time.monotonic()
        self._look_at = now + max(_LOOK_EVERY_S, (now - began) / _SHARE_LOOKING)
        return found

    def _in_folder(self) -> Exceeded | None:
        taken = sum(_unnamed(_tree(self._first), self._folder.stat().st_dev))
        for files, found in enumerate(_entries(self._folder), 1):
            taken += found.st_blocks * _BLOCK
            if taken > self._bounds.disk:
                return Exceeded.DISK
            if files > self._bounds.files:
                return Exceeded.FILES
        return Exceeded.DISK if taken > self._bounds.disk else None


def _left(folder: Path) -> tuple[int, int]:
    """Free bytes and free inodes of its disk; a disk without inodes of its own always has as many."""
    disk = os.statvfs(folder)
    return disk.f_bfree * disk.f_frsize, disk.f_ffree


def _entries(folder: Path) -> Iterator[os.stat_result]:
    """Everything below a folder, links as themselves."""
    waiting = [str(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    yield entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)


def _unnamed(processes: Iterable[int], disk: int) -> Iterator[int]:
    """Bytes of each file of a disk that is in no folder any more, and still open."""
    seen = set()
    for process in processes:
        with suppress(OSError):
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                with suppress(OSError):
                    found = descriptor.stat()
                    if found.st_nlink == 0 and found.st_dev == disk and found.st_ino not in seen:
                        seen.add(found.st_ino)
                        yield found.st_blocks * _BLOCK


def _tree(process: int) -> Iterator[int]:
    """A process and everything below it; what loses its parent goes to the first of its namespace."""
    yield process
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in _read(thread / "children").split():
                yield from _tree(int(child))


def _resident(process: int) -> int:
    fields = _read(Path(f"/proc/{process}/statm")).split()
    return int(fields[1]) * _PAGE if fields else 0


def _proportional(process: int) -> int:
    """What it holds, with what it shares divided by those who share it."""
    for line in _read(Path(f"/proc/{process}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * _KIB
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
