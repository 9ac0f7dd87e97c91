"""Every relative link of the documentation leads somewhere, and every page is there in both languages."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from deployments.docs_tables.markdown import anchor

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LANGUAGES = {"en": "ja", "ja": "en"}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    return tuple(MarkdownIt("gfm-like", {"linkify": False}).parse(page.read_text(encoding="utf-8")))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page: the second heading of a name gets -1."""
    found: Counter[str] = Counter()
    every = []
    for opening, inline in zip(tokens(page), tokens(page)[1:], strict=False):
        if opening.type == "heading_open":
            plain = anchor(
                "".join(part.content for part in inline.children or () if part.type in ("text", "code_inline"))
            )
            every.append(f"{plain}-{found[plain]}" if found[plain] else plain)
            found[plain] += 1
    return frozenset(every)


def links(page: Path) -> Iterator[str]:
    for token in tokens(page):
        for part in token.children or ():
            target = part.attrGet("href" if part.type == "link_open" else "src")
            if target is not None:
                yield str(target)


def is_broken(page: Path, link: str) -> bool:
    parts = urlsplit(unquote(link))
    if parts.scheme:
        return False
    target = (page.parent / parts.path).resolve() if parts.path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return True
    return bool(parts.fragment) and (target.suffix != ".md" or parts.fragment not in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [link for link in links(page) if is_broken(page, link)] == []


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_page_has_its_twin(locale: str) -> None:
    pages = [page.relative_to(ROOT / "docs" / locale) for page in (ROOT / "docs" / locale).rglob("*.md")]
    assert pages
    assert [str(page) for page in pages if not (ROOT / "docs" / LANGUAGES[locale] / page).exists()] == []


def test_repeated_headings_have_anchors_of_their_own(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n\n## `a` and [b](c)\n\n## One\n\n```\n# no heading\n```\n\n[here](#one-1) ![x](no.png)\n")
    assert anchors(page) == {"one", "a-and-b", "one-1"}
    assert [*links(page)] == ["c", "#one-1", "no.png"]
    assert is_broken(page, "no.png")
