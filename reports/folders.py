"""The archive's folders and files: written as a whole or not at all, with errors that say what to do."""

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tasks.check_result import Message, msg
from tasks.errors import ExplainedError
from tasks.files import PRIVATE, READABLE, locked, make_folder, new_file, new_folder, write_whole

_WAIT_S = 60.0
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


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
            path, msg("{path} is full ({cause}): free some space, then run again", path=where, cause=cause)
        )
    if error.errno == errno.EWOULDBLOCK:
        return ArchiveError(
            path, msg("Another process has been writing to {path} for a minute: see whether it is stopped", path=where)
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ArchiveError(
            path,
            msg(
                "Cannot write to {path} ({cause}): make it writable or change [reports] output", path=where, cause=cause
            ),
        )
    return ArchiveError(path, msg("Cannot write to {path} ({cause}): change [reports] output", path=where, cause=cause))


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Make the folder with its files, or nothing; a folder that is there stays as it is. Raises ArchiveError."""
    try:
        if folder.exists():
            return
        make_folder(folder.parent)
        with new_folder(folder) as beside:
            for name, content in contents.items():
                mode = PRIVATE if name.endswith(".eml") else READABLE
                with new_file(beside / name, mode=mode, durable=False) as inside:
                    inside.write_bytes(content)
    except OSError as error:
        # Another writer of the same revision was first; its folder says the same.
        if not (isinstance(error, FileExistsError) and folder.is_dir()):
            raise cannot_write(folder, error) from error


def write_file(path: Path, content: bytes) -> None:
    """Replace a file at once, unless it says the same already. Raises ArchiveError."""
    try:
        if path.is_file() and path.read_bytes() == content:
            return
        make_folder(path.parent)
        write_whole(path, content)
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Wait until no other writer is in here with the same folder. Raises ArchiveError."""
    with ExitStack() as stack:
        try:
            make_folder(folder)
            stack.enter_context(locked(folder, wait_s=_WAIT_S))
        except OSError as error:
            raise cannot_write(folder, error) from error
        yield
