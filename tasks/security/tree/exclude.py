"""Patterns of paths in a tree: `*` and `?` stay within a folder, `**` is any number of folders."""

import re
from collections.abc import Sequence

_PARTS = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[!?[^\]/]+\]|.", re.DOTALL)
_MEANINGS = {"**/": "(?:[^/]+/)*", "/**": "(?:/.*)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Exclusion:
    """The paths, with `/` and from the root, that patterns cover: files, and folders with all that is in them."""

    def __init__(self, patterns: Sequence[str]) -> None:
        each = (_expression(pattern.removeprefix("./").strip("/")) for pattern in patterns)
        self._any = re.compile("|".join(f"(?:{expression})" for expression in each), re.DOTALL) if patterns else None

    def covers(self, path: str) -> bool:
        """True for a path that some pattern matches as a whole; of a covered folder everything is."""
        return self._any is not None and self._any.fullmatch(path) is not None


def _expression(pattern: str) -> str:
    return "".join(_meaning(part) for part in _PARTS.findall(pattern))


def _meaning(part: str) -> str:
    if part in _MEANINGS:
        return _MEANINGS[part]
    if len(part) > 2 and part[0] == "[":
        inside = part[1:-1].replace("\\", r"\\").replace("[", r"\[")
        return f"[^{inside[1:]}/]" if inside[0] == "!" else f"[{inside}]"
    return re.escape(part)
