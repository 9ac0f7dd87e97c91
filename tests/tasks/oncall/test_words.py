"""Instants as people on call read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tasks.oncall.facts import Override
from tasks.oncall.judge.rota import person_zone
from tasks.oncall.settings import Person
from tasks.oncall.words import described, when

TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")


def test_case_9_new_york_2026_11_01_0050_edt_plus_90_min_is_0120_est() -> None:
    kim = Person(name="kim", mail="kim@example.com", timezone="America/New_York")
    fired = datetime(2026, 11, 1, 0, 50, tzinfo=NEW_YORK).astimezone(UTC)
    zone = person_zone(kim, TOKYO)
    assert when(fired, zone) == "2026-11-01 00:50 EDT"
    assert when(fired + timedelta(minutes=30), zone) == "2026-11-01 01:20 EDT"
    assert when(fired + timedelta(minutes=90), zone) == "2026-11-01 01:20 EST"


def test_an_override_in_a_line() -> None:
    start = datetime(2026, 11, 1, 0, 0, tzinfo=UTC)
    one = Override(3, "kim\x1b", start, start + timedelta(hours=1), "dentist", "lee")
    assert described(one, TOKYO) == (
        "override 3: kim\\u001b from 2026-11-01 09:00 JST to 2026-11-01 10:00 JST (Asia/Tokyo)"
    )
