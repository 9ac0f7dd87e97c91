"""Parameters of messages in the reader's language and zone."""

from datetime import UTC, datetime

import pytest

from reports.words import Words
from tasks.check_result import moment, msg


@pytest.mark.parametrize(
    ("zone", "shown"), [("Asia/Tokyo", "2026-11-26 08:30 Asia/Tokyo"), ("UTC", "2026-11-25 23:30 UTC")]
)
def test_a_moment_is_shown_in_the_service_zone_with_its_name(zone: str, shown: str) -> None:
    at = moment(datetime(2026, 11, 25, 23, 30, 59, tzinfo=UTC))
    assert Words("en", zone).say(msg("since {at}", at=at)) == f"since {shown}"


@pytest.mark.parametrize("text", ["2026-02-31T10:00Z", "2026-11-25T23:30:00Z", "x2026-11-25T23:30Z", "2026-11-25"])
def test_what_only_looks_like_one_stays_as_it_is(text: str) -> None:
    assert Words("en", "Asia/Tokyo").say(msg("{text}", text=text)) == text
