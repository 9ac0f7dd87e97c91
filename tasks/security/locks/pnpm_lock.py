"""pnpm-lock.yaml, versions 5, 6 and 9."""

import re
from pathlib import Path

from tasks.security.locks.content import read_whole, unexpected
from tasks.security.locks.interface import GIT, LOCAL, NPM, Collected, Lock
from tasks.security.locks.npm_source import is_folder, is_repository, split_name
from tasks.security.locks.yaml_file import parse_yaml

_FORM = "pnpm-lock.yaml (lockfileVersion 5, 6, 9)"
_VERSION_5 = re.compile(r"(?:[^/@]*)/((?:@[^/]+/)?[^/]+)/([^/_]+)(?:_.*)?")


def read_pnpm_lock(root: Path, path: str) -> Lock:
    """All packages of the file, in every version that is installed, also those of development."""
    return read_whole(root, path, NPM, _collect)


def _collect(text: str, collected: Collected) -> None:
    documents = [document for document in parse_yaml(text, collected.path) if document is not None]
    for document in documents:
        version = str(document.get("lockfileVersion", "")) if isinstance(document, dict) else ""
        packages = document.get("packages") or {} if isinstance(document, dict) else None
        if version.partition(".")[0] not in ("5", "6", "9") or not isinstance(packages, dict):
            raise unexpected(collected.path, _FORM)
        for key, entry in packages.items():
            if not isinstance(key, str) or not isinstance(entry, dict):
                raise unexpected(collected.path, _FORM)
            _one(key, entry, version.startswith("5"), collected)
    if not documents:
        raise unexpected(collected.path, _FORM)


def _one(key: str, entry: dict[str, object], old: bool, collected: Collected) -> None:
    name, version = _place(key, old)
    name, exact = str(entry.get("name") or name), entry.get("version") or version
    resolution = entry.get("resolution")
    source = resolution if isinstance(resolution, dict) else {}
    if source.get("type") == "git" or any(map(is_repository, (version, source.get("tarball")))):
        collected.unmatched(name, GIT)
    elif source.get("type") == "directory" or is_folder(version) or is_folder(key):
        collected.leave_out(name, LOCAL)
    else:
        collected.pin(name, exact)


def _place(key: str, old: bool) -> tuple[str, str]:
    """Name and version of a key, without the versions of its peers."""
    if old and (parts := _VERSION_5.fullmatch(key)):
        return parts[1], parts[2]
    bare = key.removeprefix("/").partition("(")[0]
    name, version = split_name(bare)
    return (name, version) if version else (bare, bare)  # a repository or an archive without a name
