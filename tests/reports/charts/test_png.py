"""Charts: small, repeatable, and readable without colour."""

import io
from collections.abc import Callable
from itertools import pairwise

import pytest
from PIL import Image

from reports.charts.png import MOST_BARS, png
from reports.words import Words
from tasks.check_result import Chart, verbatim

Say = Callable[[str], Words]


def chart(values: tuple[float, ...], limit: float | None = 70.0) -> Chart:
    labels = tuple(f"host:/var/lib/データ/{n}/長い名前のボリューム" for n in range(len(values)))
    return Chart(verbatim("ディスク使用率"), verbatim("finding"), "%", labels, values, limit)


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_same_data_same_bytes(words: Say, locale: str) -> None:
    assert png(chart((10.0, 80.0)), words(locale)) == png(chart((10.0, 80.0)), words(locale))


def test_many_long_bars_stay_small(words: Say) -> None:
    image = png(chart(tuple(n * 1.37 for n in range(500))), words("ja"))
    assert len(image) <= 100_000
    with Image.open(io.BytesIO(image)) as opened:
        assert opened.height < 144 * (1 + 0.4 * MOST_BARS)


def test_ground_is_opaque_and_no_date_is_in_it(words: Say) -> None:
    with Image.open(io.BytesIO(png(chart((10.0, 80.0)), words("ja")))) as image:
        assert "transparency" not in image.info
        assert "A" not in image.getbands()
        assert set(image.info) <= {"dpi"}


@pytest.mark.parametrize("values", [(), (0.0,), (-5.0, 3.0), (1e12,), (1e-9,)])
@pytest.mark.parametrize("limit", [None, 0.0, 70.0])
def test_any_values_are_drawn(words: Say, values: tuple[float, ...], limit: float | None) -> None:
    assert png(chart(values, limit), words("en")).startswith(b"\x89PNG")


def test_over_the_limit_differs_without_colour(words: Say) -> None:
    pictures = []
    for limit in (70.0, 90.0):
        with Image.open(io.BytesIO(png(chart((80.0,), limit), words("en")))) as image:
            grey = image.convert("L")
            # A row through the middle of the bar: hatching changes its lightness again and again.
            row = [grey.getpixel((x, grey.height // 2)) for x in range(grey.width // 3, grey.width // 2)]
            pictures.append(sum(a != b for a, b in pairwise(row)))
    assert pictures[0] > pictures[1] + 10
