"""package-lock.json and npm-shrinkwrap.json, versions 1 to 3."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.security.locks.content import malformed, read_whole, unexpected
from tasks.security.locks.interface import GIT, LOCAL, NPM, Collected, Lock
from tasks.security.locks.npm_source import is_folder, is_repository, unaliased

_FORM = "package-lock.json (lockfileVersion 1-3)"
_FOLDER = "node_modules/"


def read_package_lock(root: Path, path: str) -> Lock:
    """All packages of the file, in every version that is installed, also those of development."""
    return read_whole(root, path, NPM, _collect)


def parse_json(text: str, path: str) -> Any:
    """A JSON file; raises Unusable with the line of its error."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise malformed(path, error.lineno, "JSON") from None
    except (RecursionError, ValueError):  # too deep; an integer of too many digits
        raise malformed(path, None, "JSON") from None


def _collect(text: str, collected: Collected) -> None:
    content = parse_json(text, collected.path)
    if not isinstance(content, dict) or content.get("lockfileVersion", 1) not in (1, 2, 3):
        raise unexpected(collected.path, _FORM)
    packages = content.get("packages")
    tree = content.get("dependencies", {})
    if isinstance(packages, dict):
        for place, entry in packages.items():
            _installed(place, entry, collected)
    elif isinstance(tree, dict) and "lockfileVersion" in content:
        _tree(tree, collected)
    else:
        raise unexpected(collected.path, _FORM)


def _installed(place: str, entry: object, collected: Collected) -> None:
    """An entry of versions 2 and 3: the folder, and what is installed there."""
    if not isinstance(entry, dict):
        raise unexpected(collected.path, _FORM)
    name = entry.get("name") or place.rpartition(_FOLDER)[2]
    if not place:  # the service itself
        return
    if entry.get("link") or _FOLDER not in f"/{place}":
        collected.leave_out(name, LOCAL)
    else:
        _one(name, entry.get("version"), entry.get("resolved"), collected)


def _tree(tree: Mapping[str, Any], collected: Collected) -> None:
    """The nested entries of version 1."""
    waiting = list(tree.items())
    while waiting:
        name, entry = waiting.pop()
        nested = entry.get("dependencies", {}) if isinstance(entry, dict) else None
        if not isinstance(nested, dict):
            raise unexpected(collected.path, _FORM)
        waiting += nested.items()
        _one(*unaliased(name, entry.get("version")), entry.get("resolved"), collected)


def _one(name: object, version: object, resolved: object, collected: Collected) -> None:
    if is_repository(version) or is_repository(resolved):
        collected.unmatched(name, GIT)
    elif is_folder(version) or is_folder(resolved):
        collected.leave_out(name, LOCAL)
    else:
        collected.pin(name, version)
