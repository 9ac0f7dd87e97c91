"""Evidence in words: a curve's figures as rows, few enough to read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from reports.evidence import MOST_POINTS, evidence_view
from reports.words import Words
from tasks.check_result import Curve, moment, verbatim

Say = Callable[[str], Words]
START = datetime(2026, 10, 31, 15, tzinfo=UTC)


def curve(points: int, expected: bool = False) -> Curve:
    at = tuple(moment(START + timedelta(hours=n)) for n in range(points))
    line = tuple(float(n) for n in range(points))
    return Curve(verbatim("t"), verbatim("f"), "%", at, line, 0.0, line if expected else ())


@pytest.mark.parametrize("points", [0, 1, 30, 31, 32, 62, 63, 744, 10_000])
def test_rows_are_few_evenly_spread_and_end_with_the_last_point(words: Say, points: int) -> None:
    view = evidence_view(curve(points), words("en"))
    values = [int(figure.removesuffix(" %").replace(",", "")) for _, figure in view.rows]
    assert len(values) == points if points <= MOST_POINTS else MOST_POINTS / 2 <= len(values) <= MOST_POINTS
    assert values[-1:] == ([points - 1] if points else [])
    assert len({b - a for a, b in pairwise(values)}) <= 1
    assert view.note == ("" if points <= MOST_POINTS else f"{len(values)} of {points:,} points")


def test_hours_of_a_month_come_as_the_same_hour_of_each_day(words: Say) -> None:
    rows = evidence_view(curve(744), words("en")).rows
    assert len(rows) == 31
    assert (rows[0][0], rows[-1][0]) == ("2026-11-01 23:00", "2026-12-01 23:00")
    assert {time[-5:] for time, _ in rows} == {"23:00"}


def test_times_are_local_and_the_zone_is_named_once(words: Say) -> None:
    view = evidence_view(curve(2, expected=True), words("en"))
    assert view.columns == ("Time (Asia/Tokyo)", "Observed", "If spent evenly")
    assert view.figures == (False, True, True)
    assert view.rows == (("2026-11-01 00:00", "0 %", "0 %"), ("2026-11-01 01:00", "1 %", "1 %"))


def test_what_was_not_measured_is_no_zero(words: Say) -> None:
    at = (moment(START), moment(START + timedelta(days=1)))
    view = evidence_view(Curve(verbatim("t"), verbatim("f"), "%", at, (None, 3.0)), words("en"))
    assert [figure for _, figure in view.rows] == ["–", "3 %"]
