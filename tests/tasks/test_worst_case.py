"""The worst that requests of unknown outcome can make of a share."""

import pytest

from tasks.worst_case import may_fail, worst_share


def test_all_that_is_unknown_counts_as_failed() -> None:
    assert worst_share(0, 9_900, 100) == 0.01
    assert worst_share(1, 9, 0) == 1 / 9
    assert worst_share(0, 0, 0) == 0.0


@pytest.mark.parametrize(
    ("bad", "unknown", "expected"),
    [(0, 0, False), (0, 9, False), (0, 10, True), (9, 1, True), (20, 0, False)],
)
def test_what_is_unknown_decides_from_the_limit_on(bad: int, unknown: int, expected: bool) -> None:
    assert may_fail(bad, 10_000 - unknown, unknown, limit=0.001) is expected


def test_fewer_failures_than_count_decide_nothing() -> None:
    assert not may_fail(0, 10, 2, limit=0.001, least=3)
    assert may_fail(0, 10, 3, limit=0.001, least=3) and may_fail(1, 10, 2, limit=0.001, least=3)
