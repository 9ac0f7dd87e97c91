"""What samples say: k of m bad, j in a row good, the two limits, and no samples at all."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.alerts.facts import Condition, Said, Signal
from tasks.alerts.judge.analyse import signal_of
from tasks.alerts.settings import Rule
from tasks.check_result import Severity, msg

DISK = Condition("monitoring", "resources.disk", "host/disk:/")
RULE = Rule(
    check="resources.disk",
    sample="disk.used",
    information=80,
    emergency=90,
    recovery=75,
    bad_minutes=3,
    of_minutes=5,
    good_minutes=3,
)


def says(values: Sequence[float | None], rule: Rule = RULE, after: int = 0) -> Signal | None:
    """Of values minute by minute, the last one now."""
    points = [(minute, value) for minute, value in enumerate(values, 100) if value is not None]
    last = 99 + len(values)
    return signal_of(rule, DISK, msg("Disk usage"), "%", points, last, no_data_min=5, after=after)


def said(values: Sequence[float | None], rule: Rule = RULE) -> tuple[Said, int | None]:
    signal = says(values, rule)
    assert signal is not None
    return signal.said, None if signal.level is None else int(signal.level)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([70, 70, 70], (Said.GOOD, None)),
        ([70, 70, 70, 80], (Said.PENDING, None)),  # at the limit is bad
        ([70, 70, 70, 79.9], (Said.BETWEEN, None)),
        ([81, 70, 81, 70, 81], (Said.BAD, 1)),  # three of five
        ([81, 70, 70, 81], (Said.PENDING, None)),
        ([95, 95, 95], (Said.BAD, 3)),
        ([81, 95, 95], (Said.BAD, 1)),
        ([90, 90, 90], (Said.BAD, 3)),
        ([89.9, 90, 90], (Said.BAD, 1)),
        ([95, 95, 95, 76], (Said.BAD, 3)),
        ([95, 95, 95, 76, 76, 76], (Said.BETWEEN, None)),  # between recovery and limit
        ([95, 95, 95, 75, 75], (Said.BAD, 3)),
        ([95, 95, 95, 75, 75, 75], (Said.GOOD, None)),  # at the recovery limit is good
        ([95, 76, 76, 76, 75], (Said.RECOVERING, None)),
        ([95, None, 95, None, 95], (Said.BAD, 3)),
        ([95, 95, 95, None, None, None, None, None], (Said.NO_DATA, None)),
        ([70, 70, 70, None, None, None, None], (Said.GOOD, None)),
    ],
)
def test_what_is_said_of_samples(values: list[float | None], expected: tuple[Said, int | None]) -> None:
    assert said(values) == expected


def test_samples_of_an_episode_that_ended_and_of_the_future_do_not_count() -> None:
    signal = says([95, 95, 95, 75, 75, 75, 95], after=105)
    assert signal is not None
    assert signal.said is Said.PENDING
    assert says([95, 95], after=101) is None
    ahead = signal_of(RULE, DISK, msg("Disk usage"), "%", [(100, 70.0), (500, 95.0)], 100, no_data_min=5)
    assert ahead is not None
    assert (ahead.said, ahead.observed and ahead.observed.value) == (Said.RECOVERING, 70.0)


def test_a_limit_that_is_good_itself_and_one_below() -> None:
    none = Rule(check="a.b", sample="queue.failed", at_limit="good", warning=0, bad_minutes=1, of_minutes=1)
    assert said([0, 0, 0], none) == (Said.GOOD, None)
    assert said([1], none) == (Said.BAD, 2)
    probe = Rule(check="a.b", sample="probe.ready", worse="under", emergency=0, bad_minutes=2, of_minutes=3)
    assert said([1, 0, 1, 0], probe) == (Said.BAD, 3)
    signal = says([0, 0], probe)
    assert signal is not None and signal.limit is not None
    assert (signal.limit.comparison, signal.limit.value, signal.level) == (">", 0, Severity.EMERGENCY)
    assert signal.since is not None and int(signal.since.timestamp()) == 60 * 100


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=1, max_size=40))
def test_good_is_said_only_of_three_good_samples_and_bad_only_of_three_bad_ones(values: list[float | None]) -> None:
    signal = says(values)
    measured = [value for value in values if value is not None]
    if not measured:
        assert signal is None
        return
    assert signal is not None
    if signal.said is Said.GOOD:
        assert all(value <= 75 for value in measured[-3:]) and len(measured) >= 3
    if signal.said is Said.BAD:
        limit = {Severity.INFORMATION: 80, Severity.EMERGENCY: 90}[signal.level or Severity.INFORMATION]
        assert sum(value >= limit for value in values[-5:] if value is not None) >= 3


def test_the_last_bad_sample_is_not_the_newest_one() -> None:
    signal = says([95, 95, 95, 75, 75])
    assert signal is not None
    assert (signal.said, signal.at.minute, signal.last_bad.minute) == (Said.BAD, 44, 42)
    signal = says([95, 95, 95, 81, 75])
    assert signal is not None and (signal.level, signal.last_bad.minute) == (3, 43), "bad for a lower level, too"
