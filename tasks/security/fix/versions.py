"""Versions of Python and npm packages, as their own rules order them."""

import re
from dataclasses import dataclass
from functools import total_ordering

from packaging.version import InvalidVersion
from packaging.version import Version as PythonVersion

NPM = "npm"
_SEMVER = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


@total_ordering
@dataclass(frozen=True, slots=True)
class SemanticVersion:
    """A version of an npm package; build metadata does not count. Source: semver.org, 2.0.0."""

    release: tuple[int, int, int]
    pre: tuple[str, ...] = ()

    @property
    def is_prerelease(self) -> bool:
        """True for one that comes before the release of its number."""
        return bool(self.pre)

    def __lt__(self, other: "SemanticVersion") -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]]:
        # Numbers come before words; 1.0.0 comes after all of its pre-releases.
        parts = [(not p.isdigit(), int(p) if p.isdigit() else 0, "" if p.isdigit() else p) for p in self.pre]
        return self.release, not self.pre, parts


Version = PythonVersion | SemanticVersion


def parse_version(ecosystem: str, text: str) -> Version | None:
    """A version of a package of an ecosystem, None for a text that is not one."""
    if ecosystem == NPM:
        found = _SEMVER.fullmatch(text.strip())
        if found is None:
            return None
        major, minor, patch, pre = found.groups()
        return SemanticVersion((int(major), int(minor), int(patch)), tuple(pre.split(".")) if pre else ())
    try:
        return PythonVersion(text)
    except InvalidVersion:
        return None


def shared(one: Version, other: Version) -> int:
    """How many leading numbers two versions have in common: 1.4.2 and 1.4.9 two."""
    count = 0
    for mine, theirs in zip(one.release, other.release, strict=False):
        if mine != theirs:
            break
        count += 1
    return count
