"""The words of the reference pages: English in the source, Japanese in a catalogue of their own."""

from pathlib import Path

from reports.catalogues import Texts, as_po, read
from reports.words import Words

CATALOGUE = "docs/{locale}/reference.po"
HEADER = "the words of the reference pages. Run `python -m deployments.docs_tables` after a change in the source."


class DocWords:
    """What the reference pages say in one language, and every English text that they asked for."""

    def __init__(self, locale: str, texts: Texts) -> None:
        self.locale = locale
        self.reports = Words(locale, "UTC")
        """For what reports say too: titles, questions, severities."""
        self.asked: set[str] = set()
        self._texts = texts

    def say(self, english: str, /, **params: object) -> str:
        """A text in this language, English where it is not translated; braces are kept where nothing is filled in."""
        self.asked.add(english)
        text = self._texts.get(english) or english
        return text.format(**params) if params else text

    def translation(self, english: str) -> str:
        """The translation of a text, empty where there is none yet."""
        return self._texts.get(english, "")


def stored_words(root: Path, locale: str) -> DocWords:
    """The words of a language as its catalogue has them; English needs none."""
    path = root / CATALOGUE.format(locale=locale)
    return DocWords(locale, read(path, locale) if path.exists() else {})


def catalogue_of(words: DocWords) -> bytes:
    """The catalogue that has exactly the texts that were asked for; one that is not translated is empty."""
    texts = {english: words.translation(english) for english in words.asked}
    return as_po(texts, words.locale, HEADER)
