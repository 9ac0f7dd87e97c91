"""The page of each check, from docs/checks; a page that nobody has written yet is left out."""

import re
from importlib.resources import files

_SAFE = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


def source(check: str, locale: str) -> str | None:
    """The markdown of a check's page in a language, None if there is none."""
    if not _SAFE.fullmatch(check):
        return None
    try:
        page = files("docs.checks").joinpath(f"{check}.{locale}.md")
    except ModuleNotFoundError:
        return None
    return page.read_text(encoding="utf-8") if page.is_file() else None


def written(locale: str) -> tuple[str, ...]:
    """The ids of all checks that have a page in a language."""
    try:
        names = [page.name for page in files("docs.checks").iterdir()]
    except ModuleNotFoundError:
        return ()
    ending = f".{locale}.md"
    return tuple(sorted(name.removesuffix(ending) for name in names if name.endswith(ending)))
