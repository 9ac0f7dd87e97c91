"""The page of each check, from docs/en/checks and docs/ja/checks; a page that nobody has written yet is left out."""

import re
from pathlib import Path

_SAFE = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
# Not importlib.resources: the folders are no packages, and an editable install gives such a "path" that is no folder.
_DOCS = Path(__file__).parent.parent / "docs"


def source(check: str, locale: str) -> str | None:
    """The markdown of a check's page in a language, None if there is none."""
    page = _folder(locale) / f"{check}.md"
    return page.read_text(encoding="utf-8") if _SAFE.fullmatch(check) and page.is_file() else None


def written(locale: str) -> tuple[str, ...]:
    """The ids of all checks that have a page in a language."""
    return tuple(sorted(page.stem for page in _folder(locale).glob("*.md")))


def _folder(locale: str) -> Path:
    return _DOCS / locale / "checks"
