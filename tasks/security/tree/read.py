"""Reads a source tree: every real file once, with the digest of its content."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.errors import UsageError
from tasks.security.facts.scans import LeftOut
from tasks.security.settings import Source
from tasks.security.tree.exclude import Exclusion
from tasks.security.tree.tree import SourceFile, SourceTree

NEVER: Final = frozenset(
    {".git", ".hg", ".svn", ".bzr", "CVS", "node_modules", "__pycache__", ".tox", ".nox", ".eggs"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"}
)
_ENVIRONMENT = "pyvenv.cfg"
_OF_ENVIRONMENT = frozenset({"bin", "include", "lib", "lib64", "share", "Include", "Lib", "Scripts"})
_PACKAGES = ("lib/python*/site-packages", "Lib/site-packages")
_BLOCK = 1024 * 1024
_UNREADABLE = msg("Cannot be read")
_OUTSIDE = msg("A link that leads out of the tree")
_NO_NAME = msg("Its name is not UTF-8")


def read_tree(source: Source, root: Path, deadline: Deadline) -> SourceTree:
    """The files of a tree that are scanned, and those that are not.

    A folder among those left out ends in `/`. Raises UsageError for a root that is not a readable folder, and
    ObservationError when the deadline passes.
    """
    real = _checked(root)
    walk = _Walk(real, source.max_file_kb * 1024, Exclusion(source.exclude), deadline)
    walk.folder(real, "", False)
    walk.links()
    files = tuple(sorted(walk.files, key=lambda file: file.path))
    left_out = tuple(sorted(walk.left_out, key=lambda left: left.what))
    name = real.name if root.name in ("", "..") else root.name
    return SourceTree(real, files, left_out, walk.excluded, name, tuple(sorted(walk.passed_over)))


def _checked(root: Path) -> Path:
    try:
        real = root.resolve(strict=True)
        with os.scandir(real):
            return real
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError up to Python 3.12
        why = error.strerror if isinstance(error, OSError) else "a loop of links"
        raise UsageError(f"[source] path: {root} cannot be read: {why}. Give the folder of the source tree") from None


@dataclass
class _Walk:
    root: Path
    most_bytes: int
    exclusion: Exclusion
    deadline: Deadline
    files: list[SourceFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    excluded: int = 0
    reached: set[str] = field(default_factory=set)
    linked: list[str] = field(default_factory=list)
    passed_over: set[str] = field(default_factory=set)

    def folder(self, folder: Path, path: str, excluded: bool) -> None:
        """Everything in a folder; a folder that is a link is none."""
        pending = [(str(folder), path, excluded)]
        while pending:
            self.deadline.require()
            place, path, excluded = pending.pop()
            try:
                with os.scandir(place) as found:
                    entries = list(found)
            except OSError:
                if not excluded:
                    self._leave_out(f"{path}/", _UNREADABLE)
                continue
            if path and any(entry.name == _ENVIRONMENT for entry in entries):
                own = _own_entries(Path(place), entries)
                if len(own) < len(entries) and not excluded:
                    self.passed_over.add(path)
                entries = own
            pending += self._entries(entries, f"{path}/" if path else "", excluded)

    def links(self) -> None:
        """Links to files within the tree count when nothing else leads to these; the rest of them is outside."""
        for path in self.linked:
            real = Path(os.path.realpath(self.root / path))
            try:
                there = real.stat()
            except OSError:  # a broken link, or a loop
                continue
            if not real.is_relative_to(self.root):
                self._leave_out(f"{path}/" if stat.S_ISDIR(there.st_mode) else path, _OUTSIDE)
            elif stat.S_ISREG(there.st_mode) and str(real) not in self.reached:
                self._file(str(real), path)

    def _entries(self, entries: list[os.DirEntry[str]], before: str, excluded: bool) -> Iterator[tuple[str, str, bool]]:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = before + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            out = excluded or self.exclusion.covers(path)
            if is_folder and entry.name in NEVER:
                self.passed_over.update(() if out else (entry.name,))
                continue
            if is_folder and not _has_name(path):
                self._leave_out(f"{path}/", _NO_NAME)
            elif is_folder:
                yield entry.path, path, out
            elif out:
                self.excluded += 1
            elif entry.is_symlink():
                self.linked.append(path)
            elif entry.is_file(follow_symlinks=False):
                self._file(entry.path, path)

    def _file(self, place: str, path: str) -> None:
        self.reached.add(place)
        if not _has_name(path):
            self._leave_out(path, _NO_NAME)
            return
        try:
            # Whatever takes the place of the file meanwhile, such as a pipe, is not waited for.
            handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            self._leave_out(path, _UNREADABLE)
            return
        try:
            self._opened(handle, path)
        except OSError:
            self._leave_out(path, _UNREADABLE)
        finally:
            os.close(handle)

    def _opened(self, handle: int, path: str) -> None:
        there = os.fstat(handle)
        if not stat.S_ISREG(there.st_mode):
            return
        if there.st_size > self.most_bytes:
            limit, size = self.most_bytes // 1024, -(-there.st_size // 1024)
            self._leave_out(path, msg("{size} KB: [source] max_file_kb is {limit}", size=size, limit=limit))
            return
        digest, length = hashlib.sha256(), 0
        while block := os.read(handle, _BLOCK):
            digest.update(block)
            length += len(block)
            if length > self.most_bytes:
                self._leave_out(path, msg("It grew while it was read"))
                return
        self.files.append(SourceFile(path, length, digest.hexdigest()))

    def _leave_out(self, path: str, reason: Message) -> None:
        self.left_out.append(LeftOut(os.fsencode(path).decode("utf-8", "backslashreplace"), reason))


def _own_entries(place: Path, entries: list[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
    """What is not installed in a virtual environment; a file's name alone makes no folder one, and hides nothing."""
    if not any(any(place.glob(pattern)) for pattern in _PACKAGES):
        return entries
    return [entry for entry in entries if entry.name not in _OF_ENVIRONMENT]


def _has_name(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
