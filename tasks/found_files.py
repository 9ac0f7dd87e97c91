"""Finds the files that a pattern names; what stands in the way of seeing one is told, and never passed over."""

import errno
import fnmatch
import os
import re
import stat as modes
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Final

from tasks.check_result import Message, msg
from tasks.observation import printable

GONE: Final = (FileNotFoundError, NotADirectoryError)
"""What a path raises that is not there, or no longer."""
_ANY_DEPTH = "**"
_FILE_SYSTEMS_OWN = "lost+found"
"""fsck's folder at the top of a file system, which none but root may read."""
_PATH_CHARS = 200

Blocked = Callable[[Path, OSError], None]
"""Told of what may not be seen; it raises, or lets the search go on."""


def start_of(pattern: str) -> tuple[PurePath, tuple[str, ...]]:
    """A pattern's first folders, which are names, and the rest of its parts."""
    parts = PurePath(pattern).parts
    literal = next((n for n, part in enumerate(parts[:-1]) if is_magic(part)), len(parts) - 1)
    return PurePath(*parts[:literal]), parts[literal:]


def is_magic(part: str) -> bool:
    """True for a part of a path that stands for more than one name."""
    return any(sign in part for sign in "*?[")


def matches(start: Path, parts: tuple[str, ...], blocked: Blocked) -> Iterator[Path]:
    """Paths below a folder; the standard library's glob would pass over folders that it may not read.

    `**` stands for any number of folders, `*` for no `/`, and neither for a name that begins with a dot.
    """
    first, *rest = parts
    if first == _ANY_DEPTH:
        for folder in _folders(start, blocked, frozenset()):
            yield from matches(folder, tuple(rest) or ("*",), blocked)
        return
    for name in _names(start, first, blocked):
        path = start / name
        if rest:
            yield from matches(path, tuple(rest), blocked)
        else:
            yield path


def _names(folder: Path, part: str, blocked: Blocked) -> list[str]:
    try:
        if not is_magic(part):
            (folder / part).lstat()
            return [part]
        fits = re.compile(fnmatch.translate(part)).match
        # A hidden name is matched only by a pattern that begins with its dot.
        names = sorted(path.name for path in folder.iterdir())
        return [name for name in names if fits(name) and (part[0] == "." or name[0] != ".")]
    except GONE:
        return []
    except OSError as error:
        if folder.name != _FILE_SYSTEMS_OWN:
            blocked(folder, error)
        return []


def _folders(folder: Path, blocked: Blocked, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """A folder and all below it, each link followed once."""
    try:
        stat = folder.stat()
    except GONE:
        return
    except OSError as error:
        if error.errno != errno.ELOOP:  # a link to itself is no folder
            blocked(folder, error)
        return
    if not modes.S_ISDIR(stat.st_mode) or (stat.st_dev, stat.st_ino) in above:
        return
    yield folder
    for name in _names(folder, "*", blocked):
        yield from _folders(folder / name, blocked, above | {(stat.st_dev, stat.st_ino)})


def named(path: Path) -> str:
    """A path as it may be shown."""
    return printable(str(path), _PATH_CHARS)


def unreadable(path: Path, error: OSError) -> Message:
    """Why something could not be read, in words."""
    place = named(path if error.filename is None else Path(os.fsdecode(error.filename)))
    if isinstance(error, PermissionError):
        return msg("This user may not read {file}: grant read access, and execute access to the folder", file=place)
    why = error.strerror or errno.errorcode.get(error.errno or 0, type(error).__name__)
    return msg("{file} cannot be read: {why}", file=place, why=why)
