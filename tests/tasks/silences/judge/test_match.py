"""Which alerts a silence covers, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.silences.facts import Silence
from tasks.silences.judge.match import silenced_by

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
DISKS = Silence(1, "resources.disk", "host/disk:/var*", NOW, NOW + HOUR, "new disks", "kim")


@pytest.mark.parametrize(
    ("check", "subject", "silent"),
    [
        ("resources.disk", "host/disk:/var", True),
        ("resources.disk", "host/disk:/var/log\nx", True),
        ("resources.disk", "host/disk:/", False),
        ("resources.disk", "Host/disk:/var", False),
        ("resources.disks", "host/disk:/var", False),
    ],
)
def test_both_patterns_must_match(check: str, subject: str, silent: bool) -> None:
    assert silenced_by([DISKS], check, subject, NOW) == (DISKS if silent else None)


def test_a_character_of_a_pattern_can_stand_for_itself() -> None:
    one = replace(DISKS, subject="/items/[[]id]")
    assert silenced_by([one], "resources.disk", "/items/[id]", NOW) == one
    assert silenced_by([one], "resources.disk", "/items/i", NOW) is None


@pytest.mark.parametrize(
    ("at", "silent"), [(NOW - TICK, False), (NOW, True), (NOW + HOUR - TICK, True), (NOW + HOUR, False)]
)
def test_its_end_is_no_longer_silent(at: datetime, silent: bool) -> None:
    assert (silenced_by([DISKS], "resources.disk", "host/disk:/var", at) is not None) is silent


def test_of_several_the_one_that_lasts_longest_counts() -> None:
    longer = replace(DISKS, id=2, check="resources.*", subject="*", ends_at=NOW + 2 * HOUR)
    for silences in ([DISKS, longer], [longer, DISKS]):
        assert silenced_by(silences, "resources.disk", "host/disk:/var", NOW) == longer
    assert silenced_by([], "resources.disk", "host/disk:/var", NOW) is None
