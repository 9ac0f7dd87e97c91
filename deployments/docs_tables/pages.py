"""The pages with generated blocks, and how they are brought up to date."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from deployments.docs_tables import alert_rules, checklists, commands, keys
from deployments.docs_tables.markdown import replaced
from deployments.docs_tables.words import CATALOGUE, DocWords, catalogue_of, stored_words
from reports.words import LOCALES, TRANSLATED

BLOCKS: Final[Mapping[str, Callable[[DocWords], str]]] = {
    "flows": checklists.flows,
    "checks": checklists.checks,
    "alert-rules": alert_rules.alert_rules,
    "keys": keys.keys,
    "commands": commands.commands,
}
"""What a block is called on the pages, and who writes it."""

_READMES = {"en": "README.md", "ja": "README.ja.md"}


def pages(locale: str) -> dict[str, tuple[str, ...]]:
    """The pages of a language, and the blocks of each."""
    return {
        _READMES[locale]: ("flows",),
        f"docs/{locale}/checklists.md": ("flows", "checks"),
        f"docs/{locale}/configure/alert-rules.md": ("alert-rules",),
        f"docs/{locale}/reference/service-file.md": ("keys",),
        f"docs/{locale}/reference/cli.md": ("commands",),
    }


def written(page: str, blocks: tuple[str, ...], words: DocWords) -> str:
    """The page with its blocks as the code knows them; raises ValueError where a mark is missing or stands twice."""
    for block in blocks:
        page = replaced(page, block, BLOCKS[block](words))
    return page


def write_pages(root: Path) -> Iterator[str]:
    """Rewrites the pages and catalogues that are stale; gives a line for each, and for each text to translate."""
    for locale in LOCALES:
        words = stored_words(root, locale)
        for name, blocks in pages(locale).items():
            old = (root / name).read_text(encoding="utf-8")
            if (new := written(old, blocks, words)) != old:
                (root / name).write_text(new, encoding="utf-8")
                yield f"{name}: {', '.join(blocks)} rewritten\n"
        if locale in TRANSLATED:
            (root / CATALOGUE.format(locale=locale)).write_bytes(catalogue_of(words))
            untranslated = sorted(english for english in words.asked if not words.translation(english))
            yield from (f"{locale}, to translate: {english}\n" for english in untranslated)
