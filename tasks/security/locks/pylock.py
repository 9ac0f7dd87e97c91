"""pylock.toml: the lock file of PEP 751."""

import re
import tomllib
from pathlib import Path
from typing import Any

from tasks.security.locks.content import malformed, read_whole, unexpected
from tasks.security.locks.interface import GIT, LOCAL, PYPI, Collected, Lock

_LINE = re.compile(r"at line ([0-9]+)")


def read_pylock(root: Path, path: str) -> Lock:
    """All packages of the file, whatever their markers: as pip-audit does."""
    return read_whole(root, path, PYPI, _collect)


def parse_toml(text: str, path: str) -> dict[str, Any]:
    """A TOML file; raises Unusable with the line of its error."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _LINE.search(str(error))
        raise malformed(path, int(line[1]) if line else None, "TOML") from None
    except RecursionError:
        raise malformed(path, None, "TOML") from None


def _collect(text: str, collected: Collected) -> None:
    content = parse_toml(text, collected.path)
    packages = content.get("packages", [])
    if not str(content.get("lock-version", "")).startswith("1.") or not isinstance(packages, list):
        raise unexpected(collected.path, "pylock.toml (lock-version 1)")
    for package in packages:
        if not isinstance(package, dict):
            raise unexpected(collected.path, "pylock.toml (lock-version 1)")
        if "directory" in package:
            collected.leave_out(package.get("name"), LOCAL)
        elif "vcs" in package:
            collected.unmatched(package.get("name"), GIT)
        else:
            collected.pin(package.get("name"), package.get("version"))
