"""uv.lock."""

from pathlib import Path

from tasks.security.locks.content import read_whole, unexpected
from tasks.security.locks.interface import GIT, LOCAL, PYPI, Collected, Lock
from tasks.security.locks.pylock import parse_toml

_OWN = ("virtual", "editable", "directory")
_FORM = "uv.lock (version 1)"


def read_uv_lock(root: Path, path: str) -> Lock:
    """All packages of the file, for every platform and every group."""
    return read_whole(root, path, PYPI, _collect)


def _collect(text: str, collected: Collected) -> None:
    content = parse_toml(text, collected.path)
    packages = content.get("package", [])
    if content.get("version") != 1 or not isinstance(packages, list):
        raise unexpected(collected.path, _FORM)
    for package in packages:
        if not isinstance(package, dict):
            raise unexpected(collected.path, _FORM)
        source = package.get("source")
        kinds = source.keys() if isinstance(source, dict) else ()
        if any(own in kinds for own in _OWN):
            collected.leave_out(package.get("name"), LOCAL)
        elif "git" in kinds:
            collected.unmatched(package.get("name"), GIT)
        else:
            collected.pin(package.get("name"), package.get("version"))
