"""What a lock file pins, and what of it cannot be asked about."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tasks.check_result import Message, msg
from tasks.outside import external_text
from tasks.security.facts.scans import LeftOut, Package

PYPI: Final = "PyPI"
NPM: Final = "npm"
_MOST_PROBLEMS = 100
_PYTHON_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")
_NPM_NAME = re.compile(r"(?:@[A-Za-z0-9~*'!()._-]{1,200}/)?[A-Za-z0-9~*'!()._-]{1,200}")
_NPM_VERSION = re.compile(r"[0-9]{1,15}\.[0-9]{1,15}\.[0-9]{1,15}(?:-[0-9A-Za-z.-]{1,100})?(?:\+[0-9A-Za-z.-]{1,100})?")

NO_NAME = msg("it has no valid package name")
NO_VERSION = msg("no version is given")
NOT_A_VERSION = msg("its version cannot be read")
LOCAL = msg("it is part of the service, not a published package")
GIT = msg("it comes from a repository: no advisory names its version")
MARKER = msg("its marker does not hold for this Python")


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file as it was read.

    `left_out` are entries that are rightly not asked about: the service's own, those of another platform. `unmatched`
    are packages that no advisory can be found for, and `problems` are lines that cannot be used, with file and line:
    with either of them the scan is not complete. `digest` is that of the content, with every file that it includes.
    """

    path: str
    ecosystem: str
    packages: tuple[Package, ...]
    digest: str
    left_out: tuple[LeftOut, ...] = ()
    unmatched: tuple[LeftOut, ...] = ()
    problems: tuple[Message, ...] = ()


Reader = Callable[[Path, str], Lock]
"""Reads a lock file, given the root of the tree and its path in it; what is wrong with it is a problem of the Lock."""


class TooManyProblems(Exception):
    """The file is not what its name says; what was collected stays."""


@dataclass
class Collected:
    """Gathers the packages of a lock file; only valid names and versions become packages."""

    path: str
    ecosystem: str
    _packages: dict[Package, None] = field(default_factory=dict)
    _left_out: list[LeftOut] = field(default_factory=list)
    _unmatched: list[LeftOut] = field(default_factory=list)
    _problems: list[Message] = field(default_factory=list)

    def pin(self, name: object, version: object) -> None:
        """A package in a version; one without a valid name or version is unmatched."""
        known = self._name(name)
        if known is None:
            self.unmatched(name, NO_NAME)
        elif version is None or version == "":
            self.unmatched(name, NO_VERSION)
        elif (exact := self._version(version)) is None:
            self.unmatched(f"{name} {version}", NOT_A_VERSION)
        else:
            self._packages[Package(self.ecosystem, known, exact)] = None

    def leave_out(self, what: object, reason: Message) -> None:
        """An entry that is rightly not asked about."""
        self._left_out.append(LeftOut(external_text(str(what), 120), reason))

    def unmatched(self, what: object, reason: Message) -> None:
        """A package that cannot be asked about."""
        self._unmatched.append(LeftOut(external_text(str(what), 120), reason))

    def problem(self, message: Message) -> None:
        """A line that cannot be used. Raises TooManyProblems in a file that has hardly another line."""
        self._problems.append(message)
        if len(self._problems) >= _MOST_PROBLEMS and len(self._problems) > len(self._packages):
            raise TooManyProblems

    def lock(self, digest: str) -> Lock:
        """What was gathered."""
        return Lock(
            self.path,
            self.ecosystem,
            tuple(self._packages),
            digest,
            tuple(self._left_out),
            tuple(self._unmatched),
            tuple(self._problems),
        )

    def _name(self, name: object) -> str | None:
        if not isinstance(name, str):
            return None
        if self.ecosystem == PYPI:
            return canonicalize_name(name) if _PYTHON_NAME.fullmatch(name) else None
        return name if _NPM_NAME.fullmatch(name) else None

    def _version(self, version: object) -> str | None:
        if not isinstance(version, str) or len(version) > 200:
            return None
        if self.ecosystem != PYPI:
            return version if _NPM_VERSION.fullmatch(version) else None
        try:
            return str(Version(version))
        except InvalidVersion:
            return None
