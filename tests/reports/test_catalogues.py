"""Every message is translated, none is left over, and all languages fill in the same placeholders."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from reports.catalogues import extracted, stored, updated
from reports.words import LOCALES
from tasks.check_result import placeholders


@pytest.fixture(scope="module")
def source() -> Catalog:
    return extracted(Path(__file__).parents[2])


def ids(catalog: Catalog) -> set[str]:
    return {str(message.id) for message in catalog if message.id}


@pytest.mark.parametrize("locale", LOCALES)
def test_catalogue_has_the_messages_of_the_source(source: Catalog, root: Path, locale: str) -> None:
    catalog = stored(root, locale)
    assert ids(source) - ids(catalog) == set(), "run `python -m reports.catalogues` and translate"
    assert ids(catalog) - ids(source) == set(), "no longer used: run `python -m reports.catalogues`"
    assert not catalog.obsolete


def test_no_text_is_hidden_from_the_catalogues(root: Path) -> None:
    sources = [file for part in ("flows", "tasks", "reports", "deployments") for file in (root / part).rglob("*.py")]
    assert [file for file in sources if re.search(r"\bMessage\(\s*f?[\"']", file.read_text())] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_everything_is_translated(root: Path, locale: str) -> None:
    catalog = stored(root, locale)
    assert [m.id for m in catalog if m.id and not m.string] == []
    assert [m.id for m in catalog if m.id and m.fuzzy] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_placeholders_are_the_same(root: Path, locale: str) -> None:
    for message in stored(root, locale):
        if message.id:
            assert placeholders(str(message.string)) == placeholders(str(message.id)), message.id


def test_english_is_the_id_itself(root: Path) -> None:
    assert [m.id for m in stored(root, "en") if m.id and m.id != m.string] == []


def test_an_update_keeps_what_is_known_and_drops_what_is_gone(source: Catalog) -> None:
    old = Catalog(locale="ja")
    old.add("yes", "はい")
    old.add("gone from the source", "なし")
    new = updated(source, old, "ja")
    assert new.get("yes").string == "はい"
    assert new.get("no").string == ""
    assert new.get("gone from the source") is None
