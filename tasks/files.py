"""Files and folders that are there whole or not at all, and locks that end with their process.

Every function raises OSError, which the caller puts into words of its own.
"""

import errno
import fcntl
import math
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.deadline import Deadline

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
READABLE, READABLE_FOLDER = 0o644, 0o755
"""Modes, whatever the umask: nothing is written that another account may change."""
_ENDING = ".tmp"
_MOST_CHARS = 50  # of a name: the kernel takes 255 bytes, and a character may be four
_LEFTOVER_AFTER_S = 3600.0
_POLL_S = 0.05
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def write_whole(path: Path, content: bytes, *, mode: int = READABLE, at: Path | None = None) -> None:
    """Make or replace a file at once: whoever reads it, after a crash too, finds the old content or the new."""
    with new_file(path, mode=mode, at=at) as beside:
        beside.write_bytes(content)


@contextmanager
def new_file(
    path: Path, *, mode: int = READABLE, at: Path | None = None, over: bool = True, durable: bool = True
) -> Iterator[Path]:
    """An empty file beside `path` that takes its place at the end of the block, and is gone after any error.

    `at` names it where it is looked for by that name; otherwise `remove_leftovers` finds what a killed writer left.
    Raises FileExistsError if `at` is there, or if `path` is and shall not be written `over`. What is not `durable` may
    be lost with the machine's power.
    """
    beside = at or _beside(path)
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    try:
        yield beside
        if durable:
            sync(beside)
        (_replace if over else _link)(beside, path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    if durable:
        sync(path.parent)


@contextmanager
def new_folder(
    path: Path, *, mode: int = READABLE_FOLDER, at: Path | None = None, durable: bool = True
) -> Iterator[Path]:
    """An empty folder beside `path` that takes its place, as `new_file` does, unless there is one with something in it.

    Raises FileExistsError in that case, and if `at` is there.
    """
    beside = at or _beside(path)
    beside.mkdir(mode=mode)
    try:
        yield beside
        if durable:
            sync_tree(beside)
        _replace(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if durable:
        sync(path.parent)


def make_folder(path: Path, mode: int = READABLE_FOLDER) -> None:
    """Make a folder, and those above it, if they are not there."""
    if not path.is_dir():
        make_folder(path.parent)
        try:
            path.mkdir(mode=mode, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None


def narrow(path: Path, most: int = PRIVATE) -> int | None:
    """Take from a file or folder of this account all rights beyond `most`; the mode that it had if that was more.

    The file is not opened: closing it would end this process's own locks on it.
    """
    found = path.stat()
    before = found.st_mode & 0o7777
    if not before & ~most & 0o077 or os.geteuid() not in (0, found.st_uid):
        return None
    path.chmod(before & (most | 0o700))
    return before


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(path: Path) -> None:
    """Bring a file, or a folder with everything in it, to the disk."""
    for inside in (*path.rglob("*"), path):
        if not inside.is_symlink() and (inside.is_file() or inside.is_dir()):
            sync(inside)


def remove_folder(path: Path) -> None:
    """Remove a folder at once: whoever reads it finds all of it or nothing, after a kill too."""
    beside = _beside(path)
    path.replace(beside)
    shutil.rmtree(beside, ignore_errors=True)


def remove_leftovers(root: Path, levels: int = 0) -> None:
    """Remove what writers left, down to so many levels of folders, that were killed more than an hour ago."""
    for level in range(levels + 1):
        for left in root.glob(f"{'*/' * level}.*{_ENDING}"):
            with suppress(OSError):  # its writer has just renamed it, or it is another user's
                if time.time() - left.stat().st_mtime > _LEFTOVER_AFTER_S:
                    _remove(left)


@contextmanager
def locked(path: Path, *, shared: bool = False, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of a folder, or of a file that is made if need be; it ends with this process, killed or not.

    Raises BlockingIOError if others still have it after `wait_s`, which may be infinite.
    """
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        _lock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait_s)
        yield
    finally:
        os.close(handle)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:_MOST_CHARS]}.{secrets.token_hex(6)}{_ENDING}")


def _replace(beside: Path, path: Path) -> None:
    try:
        beside.replace(path)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        raise _taken(path) from None


def _link(beside: Path, path: Path) -> None:
    """Of two writers at once only one succeeds, except where the file system has no links."""
    try:
        path.hardlink_to(beside)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise _taken(path) from None
        beside.replace(path)


def _taken(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _remove(left: Path) -> None:
    if left.is_dir():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink()


def _lock(handle: int, kind: int, wait_s: float) -> None:
    if wait_s == math.inf:
        fcntl.flock(handle, kind)
        return
    deadline = Deadline.after(wait_s)
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if deadline.passed:
                raise
        time.sleep(_POLL_S)
