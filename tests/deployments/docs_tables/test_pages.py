"""The generated blocks of every page are what the code says."""

from pathlib import Path

import pytest

from deployments.docs_tables.markdown import MARK, begin, end
from deployments.docs_tables.pages import BLOCKS, pages, write_pages, written
from deployments.docs_tables.words import CATALOGUE, catalogue_of, stored_words
from reports.words import LOCALES, TRANSLATED
from tasks.check_result import placeholders

ROOT = Path(__file__).parents[3]
RUN = "run `python -m deployments.docs_tables`"
EVERY = [(locale, page, block) for locale in LOCALES for page, blocks in pages(locale).items() for block in blocks]


@pytest.mark.parametrize(("locale", "page", "block"), EVERY)
def test_block_is_not_stale(locale: str, page: str, block: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert text == written(text, (block,), stored_words(ROOT, locale)), f"{block} in {page} is stale: {RUN}"


def test_no_page_has_a_block_that_nobody_writes() -> None:
    marked = {
        (page.relative_to(ROOT).as_posix(), mark["name"])
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for mark in MARK.finditer(page.read_text(encoding="utf-8"))
    }
    assert marked == {(page, block) for _, page, block in EVERY}


@pytest.mark.parametrize("page", ["no marks", f"{begin('flows')}\nno end", f"{end('flows')}\n{begin('flows')}"])
def test_a_page_without_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="the marks of the block flows"):
        written(page, ("flows",), stored_words(ROOT, "en"))


def test_only_what_stands_between_the_marks_is_rewritten() -> None:
    page = written(f"above\n{begin('flows')}\nold\n{end('flows')}\nbelow\n", ("flows",), stored_words(ROOT, "en"))
    assert page.startswith(f"above\n{begin('flows')}\n| Flow |")
    assert page.endswith(f"|\n{end('flows')}\nbelow\n")
    assert "old" not in page


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_text_is_translated_and_none_is_left_over(locale: str) -> None:
    words = stored_words(ROOT, locale)
    for block in BLOCKS.values():
        block(words)
    assert sorted(text for text in words.asked if not words.translation(text)) == [], f"{RUN} and translate"
    assert (ROOT / CATALOGUE.format(locale=locale)).read_bytes() == catalogue_of(words), RUN
    assert [text for text in words.asked if placeholders(text) != placeholders(words.translation(text))] == []


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    for locale in LOCALES:
        for page in [*pages(locale), CATALOGUE.format(locale=locale)]:
            if (source := ROOT / page).exists():
                (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / page).write_bytes(source.read_bytes())
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8").replace("| `outbox` |", "| `letters` |"), encoding="utf-8")
    assert [*write_pages(tmp_path)] == ["README.md: flows rewritten\n"]
    assert [*write_pages(tmp_path)] == []
