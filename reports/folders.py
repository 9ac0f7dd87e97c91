"""Whole folders and files that appear at once: written beside their place, synced, then renamed."""

import errno
import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.check_result import Message, msg
from tasks.errors import ExplainedError

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_LEFTOVER_AFTER_S = 3600.0
_ENDING = ".tmp"


class ArchiveError(ExplainedError):
    """The archive cannot be written; says where, why and what to do."""

    def __init__(self, path: Path, reason: Message) -> None:
        super().__init__(reason.text.format(**reason.params))
        self.path = path
        self.reason = reason


def slug(part: str) -> str:
    """The part of a path, if it cannot lead elsewhere; raises ValueError if it could."""
    if not _SLUG.fullmatch(part):
        raise ValueError(f"not the name of an archive folder: {part!r} (letters, digits, '.', '_' and '-')")
    return part


def cannot_write(path: Path, error: OSError) -> ArchiveError:
    """The error in words that say what to do."""
    where, cause = str(path), error.strerror or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return ArchiveError(
            path, msg("{path} is full ({cause}): free space there, then run again", path=where, cause=cause)
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ArchiveError(
            path,
            msg(
                "{path} cannot be written ({cause}): make it writable or set [reports] output", path=where, cause=cause
            ),
        )
    return ArchiveError(path, msg("{path} cannot be written ({cause}): set [reports] output", path=where, cause=cause))


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Make the folder with its files, or nothing; a folder that is there stays as it is. Raises ArchiveError."""
    beside = _beside(folder)
    try:
        if folder.exists():
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
        for name, content in contents.items():
            _write(beside / name, content)
        _sync(beside)
        _rename(beside, folder)
        _sync(folder.parent)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Replace a file at once, unless it says the same already. Raises ArchiveError."""
    beside = _beside(path)
    try:
        if path.is_file() and path.read_bytes() == content:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(beside, content)
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other writer is in here with the same folder. Raises ArchiveError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove_leftovers(output: Path) -> None:
    """Remove what writers left that were killed more than an hour ago."""
    for depth in ("", "*/", "*/*/", "*/*/*/"):
        for left in output.glob(f"{depth}.*{_ENDING}"):
            with suppress(OSError):  # its writer has just renamed it, or it is another user's
                if time.time() - left.stat().st_mtime <= _LEFTOVER_AFTER_S:
                    continue
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink()


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}{_ENDING}")


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _rename(beside: Path, folder: Path) -> None:
    try:
        beside.rename(folder)
    except OSError:
        # Another writer of the same revision was first; its folder says the same.
        if not folder.is_dir():
            raise


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
