"""The READMEs stay short, and show pictures."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 250


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_the_readme_is_short(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_the_readme_shows_pictures(name: str) -> None:
    assert "](docs/images/" in (ROOT / name).read_text(encoding="utf-8")
