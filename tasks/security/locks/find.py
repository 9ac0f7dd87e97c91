"""Which files of a source tree are lock files, and which packages are pinned by none."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from tasks.check_result import Message, msg
from tasks.outside import external_text
from tasks.security.facts.scans import LeftOut
from tasks.security.locks.content import Unusable, read_bytes
from tasks.security.locks.interface import NPM, PYPI, Lock, Reader
from tasks.security.locks.manifests import UNSUPPORTED, declares_packages
from tasks.security.locks.package_lock import read_package_lock
from tasks.security.locks.pnpm_lock import read_pnpm_lock
from tasks.security.locks.pylock import read_pylock
from tasks.security.locks.requirements import read_requirements
from tasks.security.locks.uv_lock import read_uv_lock
from tasks.security.locks.yarn_lock import read_yarn_lock
from tasks.security.settings import Source
from tasks.security.tree.tree import SourceTree

_FORMATS: Final[tuple[tuple[str, str, Reader], ...]] = (
    ("requirements*.txt", PYPI, read_requirements),
    ("requirements/*.txt", PYPI, read_requirements),
    ("pylock.toml", PYPI, read_pylock),
    ("pylock.*.toml", PYPI, read_pylock),
    ("uv.lock", PYPI, read_uv_lock),
    ("package-lock.json", NPM, read_package_lock),
    ("npm-shrinkwrap.json", NPM, read_package_lock),
    ("pnpm-lock.yaml", NPM, read_pnpm_lock),
    ("yarn.lock", NPM, read_yarn_lock),
)
# Only where the service file names them: many other files have such names.
_NAMED: Final[tuple[tuple[str, str, Reader], ...]] = (
    ("requirements*", PYPI, read_requirements),
    ("*.txt", PYPI, read_requirements),
)


@dataclass(frozen=True, slots=True)
class LockFile:
    """A lock file of a tree; `digest` is that of its content, with every file that it includes."""

    path: str
    ecosystem: str
    digest: str
    read: Callable[[], Lock]


@dataclass(frozen=True, slots=True)
class Without:
    """A file that names packages of an ecosystem which no supported lock file pins, and what to do."""

    ecosystem: str
    file: LeftOut


def lock_files(tree: SourceTree, source: Source) -> tuple[LockFile, ...]:
    """The lock files that the service file names, else those of a known name; a named one may be missing."""
    if source.locks is not None:
        return tuple(_lock_file(tree, path, *_format(path, (*_FORMATS, *_NAMED))) for path in source.locks)
    found = ((path, _format(path, _FORMATS)) for path in _paths(tree))
    return tuple(_lock_file(tree, path, *of) for path, of in found if of[0])


def without_lock(tree: SourceTree, locks: Iterable[LockFile]) -> tuple[Without, ...]:
    """Files of the tree that name packages, where no lock file beside them or above them pins their ecosystem's."""
    covered = {(lock.ecosystem, folder) for lock in locks for folder in _covers(lock.path)}
    files = sorted((file.path for file in tree.files), key=lambda path: PurePosixPath(path).name not in UNSUPPORTED)
    missing: list[Without] = []
    for path in files:
        if (kind := declares_packages(tree.root, path)) is None:
            continue
        folders = [str(folder) for folder in PurePosixPath(path).parents]
        if not any((kind.ecosystem, folder) in covered for folder in folders):
            covered.add((kind.ecosystem, folders[0]))
            missing.append(Without(kind.ecosystem, LeftOut(external_text(path), kind.advice)))
    return tuple(missing)


def _covers(path: str) -> Iterator[str]:
    """The folder of a lock file, and that above a folder `requirements`."""
    parent = PurePosixPath(path).parent
    yield str(parent)
    if parent.name == "requirements":
        yield str(parent.parent)


def _paths(tree: SourceTree) -> list[str]:
    """The files of the tree, with those that are only too large to be scanned as source."""
    large = (left.what for left in tree.left_out if _format(left.what, _FORMATS)[0])
    return list(dict.fromkeys((*(file.path for file in tree.files), *large)))


def _format(path: str, formats: Iterable[tuple[str, str, Reader]]) -> tuple[str, Reader]:
    parts = PurePosixPath(path).parts
    for pattern, ecosystem, read in formats:
        wanted = pattern.count("/") + 1
        if len(parts) >= wanted and fnmatchcase("/".join(parts[-wanted:]), pattern):
            return ecosystem, read
    return "", _unsupported


def _lock_file(tree: SourceTree, path: str, ecosystem: str, read: Reader) -> LockFile:
    if read is read_requirements:  # what it includes belongs to its content
        lock = read(tree.root, path)
        return LockFile(path, ecosystem, lock.digest, lambda: lock)
    known = next((file.sha256 for file in tree.files if file.path == path), None)
    return LockFile(path, ecosystem or PYPI, known or _digest(tree.root, path), partial(read, tree.root, path))


def _digest(root: Path, path: str) -> str:
    try:
        return hashlib.sha256(read_bytes(root, path)).hexdigest()
    except Unusable:
        return ""


def _unsupported(root: Path, path: str) -> Lock:
    try:
        read_bytes(root, path)
    except Unusable as unusable:
        return Lock(path, PYPI, (), "", problems=(unusable.reason,))
    return Lock(path, PYPI, (), "", problems=(_not_supported(path),))


def _not_supported(path: str) -> Message:
    file = external_text(path)
    kind = UNSUPPORTED.get(PurePosixPath(path).name)
    if kind is None:
        return msg("{file} is not a supported lock file: see [source] locks for the names", file=file)
    return kind.advice
