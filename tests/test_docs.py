"""The documents keep up with the program."""

from pathlib import Path

import pytest

from reports.names import page_name
from reports.words import LOCALES, Words
from tasks.guide.known import every_check

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("check", every_check(), ids=lambda check: check.id)
def test_every_check_has_its_page(check, locale) -> None:  # type: ignore[no-untyped-def]
    page = (ROOT / "docs" / locale / "checks" / f"{check.id}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {Words(locale, 'UTC').say(check.title)}\n")


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_has_its_check(locale: str) -> None:
    pages = {path.stem for path in (ROOT / "docs" / locale / "checks").glob("*.md")}
    assert pages == {check.id for check in every_check()}


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_the_readme_shows_only_pictures_that_are_there(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    pictures = [part.split(")")[0] for part in text.split("](")[1:] if part.startswith("docs/")]
    assert pictures
    assert [picture for picture in pictures if not (ROOT / picture.split("#")[0]).exists()] == []


def test_a_language_that_is_not_archived_leads_to_the_main_page() -> None:
    assert [page_name("report", x, ("ja",)) for x in ("ja", "en")] == ["report.html", "report.html"]
    assert page_name("report", "en", LOCALES) == "report.en.html"
