"""Forecasts: measured days and a band for those to come, small, repeatable, with the same figures as rows."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from reports.charts.png import png
from reports.charts.sparks import forecast_line
from reports.evidence import MOST_POINTS, evidence_view
from reports.words import Words
from tasks.check_result import Forecast, moment, verbatim
from tests.deep import rows

Say = Callable[[str], Words]
START = datetime(2026, 8, 31, 15, tzinfo=UTC)


def forecast(past: int, future: int, limit: float | None = 95.0) -> Forecast:
    days = range(past + future)

    def to_come(per_day: float) -> tuple[float | None, ...]:
        return tuple(40 + 0.5 * past + (n - past) * per_day if n >= past else None for n in days)

    measured = tuple(40 + 0.5 * n if n < past and n != 5 else None for n in days)
    at = tuple(moment(START + timedelta(days=n)) for n in days)
    lines = (to_come(0.2), to_come(0.5), to_come(1.5))
    return Forecast(verbatim("ディスク"), verbatim("finding"), "%", at, measured, *lines, limit)


DAYS = {"none": (0, 0), "one": (1, 0), "one-to-come": (0, 1), "both": (65, 120), "past": (40, 0)}


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("limit", [pytest.param(None, marks=pytest.mark.deep), -1.0])
@pytest.mark.parametrize("days", rows(DAYS, ("none", "one-to-come", "both")))
def test_any_days_are_drawn_the_same_and_small(words: Say, days: tuple[int, int], limit: float | None) -> None:
    drawn = forecast(*days, limit)
    image = png(drawn, words("ja"))
    assert image == png(drawn, words("ja"))
    assert len(image) <= 100_000


def test_the_band_is_drawn(words: Say) -> None:
    whole = forecast(65, 120)
    narrow = replace(whole, low=whole.middle, high=whole.middle)
    assert png(whole, words("en")) != png(narrow, words("en"))


def test_a_band_far_beyond_the_limit_does_not_flatten_what_was_measured(words: Say) -> None:
    """The measured line keeps its height: it begins in the lower half and not at the bottom."""
    whole = forecast(65, 120)
    wild = replace(whole, high=tuple(None if y is None else y * 1000 for y in whole.high))
    with Image.open(io.BytesIO(png(wild, words("en")))) as image:
        grey = image.convert("L").crop((150, 0, 320, image.height - 90))
        dark = [y for y in range(60, grey.height) if min(grey.crop((0, y, grey.width, y + 1)).tobytes()) < 100]
    assert max(dark) - min(dark) > 30


def test_rows_have_every_figure_of_a_day(words: Say) -> None:
    view = evidence_view(forecast(10, 10), words("en"))
    assert view.columns == ("Time (Asia/Tokyo)", "Measured", "10 %", "50 %", "90 %")
    assert view.rows[0] == ("2026-09-01 00:00", "40 %", "–", "–", "–")
    assert view.rows[5][1] == "–"
    assert view.rows[11] == ("2026-09-12 00:00", "–", "45.2 %", "45.5 %", "46.5 %")
    assert len(evidence_view(forecast(100, 100), words("en")).rows) <= MOST_POINTS


def test_one_line_has_the_last_measured_value_and_the_limit(words: Say) -> None:
    line = forecast_line(forecast(10, 10), words("en"), 60)
    assert line.startswith("ディスク  ")
    assert line.endswith("44.5 % (limit 95 %)")
    assert "·" in line  # the day that is missing
    assert "–" in forecast_line(forecast(0, 3), words("en"), 60)


def test_lines_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="values in every line"):
        replace(forecast(3, 3), low=())
