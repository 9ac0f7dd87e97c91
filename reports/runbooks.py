"""The page of each check, from docs/en/checks and docs/ja/checks; a page that nobody has written yet is left out."""

import re
from importlib.resources import files

_SAFE = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


def source(check: str, locale: str) -> str | None:
    """The markdown of a check's page in a language, None if there is none."""
    if not _SAFE.fullmatch(check):
        return None
    try:
        page = files(f"docs.{locale}.checks").joinpath(f"{check}.md")
    except ModuleNotFoundError:
        return None
    return page.read_text(encoding="utf-8") if page.is_file() else None


def written(locale: str) -> tuple[str, ...]:
    """The ids of all checks that have a page in a language."""
    try:
        names = [page.name for page in files(f"docs.{locale}.checks").iterdir()]
    except ModuleNotFoundError:
        return ()
    return tuple(sorted(name.removesuffix(".md") for name in names if name.endswith(".md")))
