"""The READMEs' table of checklists is what the catalogue of flows says."""

from pathlib import Path

import pytest

from deployments.docs_tables import BEGIN, PAGES, when, with_tables
from flows.timing import Schedule
from reports.words import Words

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("page", "locale"), PAGES.items())
def test_table_is_not_stale(page: str, locale: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert text == with_tables(text, locale), f"{page} is stale: run `python -m deployments.docs_tables`"


@pytest.mark.parametrize("page", ["no marks", f"{BEGIN}no end"])
def test_a_page_without_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="unpack"):
        with_tables(page, "en")


@pytest.mark.parametrize(
    ("cron", "english", "japanese"),
    [
        ("0 9 * * *", "daily 09:00", "毎日 09:00"),
        ("30 18 * * 1", "every Monday 18:30", "毎週月曜日 18:30"),
        ("0 9 * * 0", "every Sunday 09:00", "毎週日曜日 09:00"),
        ("0 9 * * 7", "every Sunday 09:00", "毎週日曜日 09:00"),
        ("0 9 1 * *", "monthly, day 1, 09:00", "毎月 1 日 09:00"),
        ("* * * * *", "every minute", "毎分"),
        ("0 9 * * 1#1", "`0 9 * * 1#1`", "`0 9 * * 1#1`"),
        ("0 9 L * *", "`0 9 L * *`", "`0 9 L * *`"),
        ("0 9 1 4 *", "`0 9 1 4 *`", "`0 9 1 4 *`"),
        ("0 9 1 * 1", "`0 9 1 * 1`", "`0 9 1 * 1`"),
    ],
)
def test_when_a_schedule_starts(cron: str, english: str, japanese: str) -> None:
    assert [when(Schedule(cron, "any"), Words(locale, "UTC")) for locale in ("en", "ja")] == [english, japanese]
