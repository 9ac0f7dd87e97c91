"""What of a source tree the security scan will read: its Python, its lock files, and what is not its own."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from tasks.deadline import Deadline
from tasks.errors import UsageError
from tasks.observation import ObservationError
from tasks.security.locks.find import lock_files, without_lock
from tasks.security.settings import Source
from tasks.security.tree.exclude import Exclusion
from tasks.security.tree.read import read_tree
from tasks.security.tree.tree import SourceTree

_VENDORED = frozenset({"vendor", "vendored", "third_party", "third-party", "bower_components"})
_PYTHON = (".py", ".pyw", ".pyi")
_BASELINE = ".secrets.baseline"
_LONGEST_S = 120.0


@dataclass(frozen=True, slots=True)
class SourceFound:
    """A source tree: `path` is from the service file's folder, all others are paths in the tree.

    `unlocked` are files that name packages which no lock file pins, `left_out` is how many files are too large, or
    cannot be read.
    """

    path: str
    files: int
    python: bool
    locks: tuple[str, ...]
    unlocked: tuple[str, ...]
    excludes: tuple[str, ...]
    baseline: str | None
    left_out: int


def examine_source(given: Path, output: Path) -> SourceFound:
    """What is in a source tree. Raises UsageError for one that cannot be read."""
    if not given.is_dir():
        raise UsageError(f"--source {given}: is not a folder")
    source = Source(path=given)
    try:
        tree = read_tree(source, given, Deadline.after(_LONGEST_S))
    except ObservationError as error:
        raise UsageError(f"--source {given}: {error}") from None
    excludes = _vendored(tree)
    tree = _without(tree, excludes)
    locks = lock_files(tree, source)
    return SourceFound(
        path=os.path.relpath(given.absolute(), output.absolute().parent),
        files=len(tree.files),
        python=any(PurePosixPath(file.path).suffix in _PYTHON for file in tree.files),
        locks=tuple(lock.path for lock in locks),
        unlocked=tuple(one.file.what for one in without_lock(tree, locks)),
        excludes=excludes,
        baseline=_BASELINE if (tree.root / _BASELINE).is_file() else None,
        left_out=len(tree.left_out),
    )


def _vendored(tree: SourceTree) -> tuple[str, ...]:
    """Patterns of the folders that hold the code of others, the outermost ones."""
    found: dict[str, None] = {}
    for file in tree.files:
        parts = PurePosixPath(file.path).parts[:-1]
        depth = next((place for place, part in enumerate(parts, 1) if part in _VENDORED), None)
        if depth is not None:
            found["/".join(parts[:depth])] = None
    return tuple(f"{_literal(folder)}/**" for folder in found)


def _literal(folder: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in folder)


def _without(tree: SourceTree, excludes: Sequence[str]) -> SourceTree:
    excluded = Exclusion(excludes)
    return replace(
        tree,
        files=tuple(file for file in tree.files if not excluded.covers(file.path)),
        left_out=tuple(left for left in tree.left_out if not excluded.covers(left.what)),
    )
