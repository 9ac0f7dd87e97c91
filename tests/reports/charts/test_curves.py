"""Curves: small, repeatable, with gaps where nothing was measured, and readable without colour."""

import io
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from PIL import Image

from reports.charts.curves import free_row
from reports.charts.png import png
from reports.evidence import evidence_view
from reports.words import Words
from tasks.check_result import Curve, Mark, moment, verbatim

Say = Callable[[str], Words]
Values = tuple[float | None, ...]
START = datetime(2026, 10, 31, 15, tzinfo=UTC)


def curve(
    values: Values, limit: float | None = 0.0, expected: tuple[float, ...] = (), hours: int = 24, unit: str = "%"
) -> Curve:
    at = tuple(moment(START + timedelta(hours=hours * n)) for n in range(len(values)))
    return Curve(verbatim("エラーバジェット"), verbatim("finding"), unit, at, values, limit, expected)


def burned(points: int) -> Values:
    """A budget that is burned unevenly, to below nothing, with a gap."""
    rates = random.Random(7)
    left = [100.0]
    while len(left) < points:
        left.append(left[-1] - rates.random() * 250 / points)
    return tuple(None if 0.3 < n / points < 0.4 else value for n, value in enumerate(left))


def picture(curve: Curve, words: Words) -> Image.Image:
    with Image.open(io.BytesIO(png(curve, words))) as image:
        return image.convert("L")


def darkest(image: Image.Image, share: float) -> int:
    """How dark it gets in the column at a share of the width."""
    return min(image.crop((round(image.width * share), 0, round(image.width * share) + 1, image.height)).tobytes())


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("points", [7, 744])
def test_same_data_same_small_bytes(words: Say, locale: str, points: int) -> None:
    drawn = curve(
        burned(points), 0.0, tuple(100 - 100 * n / (points - 1) for n in range(points)), hours=1 if points > 31 else 24
    )
    image = png(drawn, words(locale))
    assert image == png(drawn, words(locale))
    assert len(image) <= 100_000


def test_ground_is_opaque_and_no_date_is_in_it(words: Say) -> None:
    with Image.open(io.BytesIO(png(curve(burned(7)), words("ja")))) as image:
        assert "transparency" not in image.info
        assert "A" not in image.getbands()
        assert set(image.info) <= {"dpi"}


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("limit", [None, pytest.param(0.0, marks=pytest.mark.deep), 70.0])
@pytest.mark.parametrize(
    "values",
    [
        (),
        (None,),
        (None,) * 40,
        (0.0,),
        (-5.0,),
        (None, 3.0, None, -2.0, None),
        (5.0, 5.0),
        (1e12, -1e12),
        (1e-9, 2e-9),
    ],
)
def test_any_values_are_drawn(words: Say, values: Values, limit: float | None) -> None:
    for locale in ("ja", "en"):
        assert png(curve(values, limit), words(locale)).startswith(b"\x89PNG")


def test_the_line_is_broken_where_nothing_was_measured(words: Say) -> None:
    whole = curve(tuple(60.0 for _ in range(744)), None, hours=1)
    broken = curve(tuple(None if 300 < n < 450 else 60.0 for n in range(744)), None, hours=1)
    halves = [darkest(picture(each, words("en")).crop((0, 60, 700, 300)), 0.6) for each in (whole, broken)]
    assert halves[0] < 110
    assert halves[1] > 200


def test_a_point_between_gaps_is_seen(words: Say) -> None:
    values = [None if abs(n - 372) < 100 else 60.0 for n in range(744)]
    without = picture(curve(tuple(values), None, hours=1), words("en"))
    values[372] = 60.0
    assert picture(curve(tuple(values), None, hours=1), words("en")) != without


def test_under_the_limit_differs_without_colour(words: Say) -> None:
    """Hatching between line and limit changes the lightness of a row again and again."""
    changes = []
    for limit in (90.0, 10.0):
        image = picture(curve((50.0,) * 60, limit), words("en")).crop((100, 60, 600, 330))
        rows = [image.crop((0, y, image.width, y + 1)).tobytes() for y in range(image.height)]
        changes.append(max(sum(a != b for a, b in pairwise(row)) for row in rows[100:170]))
    assert changes[0] > changes[1] + 50


def test_the_expected_line_is_drawn_and_named(words: Say) -> None:
    without, with_it = (picture(curve((100.0, 0.0), 0.0, e), words("en")) for e in ((), (70.0, 70.0)))
    beside_the_first_name, between_two_rules = (300, 0, 400, 30), (600, 130, 700, 160)
    for place in (beside_the_first_name, between_two_rules):
        assert min(without.crop(place).tobytes()) == 255
        assert min(with_it.crop(place).tobytes()) < 180


def test_over_the_limit_is_beyond_where_more_is_worse(words: Say) -> None:
    under = curve((50.0,) * 60, 10.0)
    over = replace(under, worse="over")
    assert [drawn.is_beyond(50.0) for drawn in (under, over)] == [False, True]
    assert [drawn.is_beyond(10.0) for drawn in (under, over)] == [False, False]
    assert over.is_beyond(None) is replace(over, limit=None).is_beyond(50.0) is False
    assert picture(under, words("en")) != picture(over, words("en"))


def test_deploys_stand_where_they_happened_and_are_named_while_they_are_few(words: Say) -> None:
    without = curve((60.0,) * 60, None)
    deploys = tuple(Mark(moment(START + timedelta(days=20 + n)), f"1.{n}") for n in range(7))
    named, many = replace(without, marks=deploys[:1]), replace(without, marks=deploys)
    differing = [picture(each, words("ja")) != picture(without, words("ja")) for each in (named, many)]
    assert differing == [True, True]
    assert evidence_view(named, words("ja")).note.endswith("デプロイ: 2026-11-21 00:00 1.0")


def test_names_of_marks_that_are_close_stand_in_rows_of_their_own() -> None:
    taken: list[float] = []
    rows = [
        free_row(taken, start, text)
        for start, text in ((0.2, "impact"), (0.21, "暫定対応済み"), (0.22, "a"), (0.5, "b"))
    ]
    assert rows == [0, 1, 2, 0]


@pytest.mark.usefixtures("quiet")
def test_the_version_of_a_deploy_is_text_from_outside(words: Say) -> None:
    hostile = replace(curve((60.0,) * 60, None), marks=(Mark(moment(START), "\u202e$\\frac{1}{0}$\n<b>"),))
    assert png(hostile, words("ja")).startswith(b"\x89PNG")
    assert "\u202e" not in evidence_view(hostile, words("ja")).note


def test_days_are_those_of_the_services_zone() -> None:
    drawn = curve(burned(7))
    assert png(drawn, Words("en", "Asia/Tokyo")) != png(drawn, Words("en", "Europe/Berlin"))
