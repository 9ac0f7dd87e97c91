"""When a flow starts, in words; the tables themselves are held against the pages in test_pages.py."""

from pathlib import Path

import pytest

from deployments.docs_tables.checklists import checks, when
from deployments.docs_tables.words import stored_words
from flows.timing import Schedule
from tasks.guide.known import every_check

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("cron", "english", "japanese"),
    [
        ("0 9 * * *", "daily 09:00", "毎日 09:00"),
        ("30 18 * * 1", "every Monday 18:30", "毎週月曜日 18:30"),
        ("0 9 * * 0", "every Sunday 09:00", "毎週日曜日 09:00"),
        ("0 9 * * 7", "every Sunday 09:00", "毎週日曜日 09:00"),
        ("0 9 1 * *", "monthly, day 1, 09:00", "毎月 1 日 09:00"),
        ("40 * * * *", "every hour", "毎時"),
        ("0 9 * * 1#1", "`0 9 * * 1#1`", "`0 9 * * 1#1`"),
        ("0 9 L * *", "`0 9 L * *`", "`0 9 L * *`"),
        ("0 9 1 4 *", "`0 9 1 4 *`", "`0 9 1 4 *`"),
        ("0 9 1 * 1", "`0 9 1 * 1`", "`0 9 1 * 1`"),
    ],
)
def test_when_a_schedule_starts(cron: str, english: str, japanese: str) -> None:
    assert [when(Schedule(cron, "any"), stored_words(ROOT, locale)) for locale in ("en", "ja")] == [english, japanese]


def test_every_check_is_listed_once() -> None:
    text = checks(stored_words(ROOT, "en"))
    assert {check.id: text.count(f"checks/{check.id}.md") for check in every_check()} == {
        check.id: 1 for check in every_check()
    }
