"""The order of versions, of Python and of npm."""

import re
from typing import Any

from packaging.version import InvalidVersion, Version

_SEMVER = re.compile(r"v?([0-9]{1,15})(?:\.([0-9]{1,15}))?(?:\.([0-9]{1,15}))?(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")


def order(ecosystem: str, version: str) -> Any:
    """What sorts as the versions of an ecosystem do; None for one that cannot be read."""
    return _python(version) if ecosystem == "PyPI" else _semantic(version)


def _python(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None


def _semantic(version: str) -> tuple[Any, ...] | None:
    """A release sorts behind its pre-releases; of their parts numbers before words (semver.org, 11)."""
    parts = _SEMVER.fullmatch(version)
    if parts is None:
        return None
    numbers = tuple(int(part or 0) for part in parts.groups()[:3])
    if parts[4] is None:
        return (*numbers, 1, ())
    words = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts[4].split("."))
    return (*numbers, 0, words)
