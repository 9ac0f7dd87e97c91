"""The requirements files that updates may change, as they stand in the tree."""

from collections.abc import Iterable
from pathlib import Path

from tasks.security.fix.patch import included, is_requirements
from tasks.security.fix.updates import Update

_MOST_BYTES = 2_000_000
_MOST_FILES = 200


def read_requirements_texts(root: Path, updates: Iterable[Update]) -> dict[str, str]:
    """The texts of the updates' requirements files and of what they include, by their path in the tree.

    What is not there, not inside the tree, too large or not UTF-8 is left out.
    """
    texts: dict[str, str] = {}
    waiting = [update.path for update in updates if is_requirements(update.path)]
    seen: set[str] = set()
    while waiting and len(seen) < _MOST_FILES:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        text = _text(root, path)
        if text is not None:
            texts[path] = text
            waiting += included(path, text)
    return texts


def _text(root: Path, path: str) -> str | None:
    if path.startswith(("/", "..")):
        return None
    file = root / path
    try:
        if not file.resolve(strict=True).is_relative_to(root.resolve()) or not file.is_file():
            return None
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except (OSError, RuntimeError, ValueError):  # a loop of links, a path that is none
        return None
    try:
        return content.decode() if len(content) <= _MOST_BYTES else None
    except UnicodeDecodeError:
        return None
