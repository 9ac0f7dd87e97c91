"""Plots: measured lines with points of their own form, models dashed, the same figures as rows."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reports.charts.png import png
from reports.evidence import evidence_view
from reports.words import Words
from tasks.check_result import Plot, PlotLine, verbatim
from tests.deep import rows

Say = Callable[[str], Words]


def plot(*lines: tuple[float | None, ...], limit: float | None = 200.0) -> Plot:
    xs = tuple(5.0 * 2**n for n in range(max(map(len, lines), default=0)))
    named = tuple(PlotLine(verbatim(f"モジュール {n}"), values) for n, values in enumerate(lines))
    return Plot(verbatim("p95"), verbatim("finding"), verbatim("Users"), "ms", xs, named, limit)


LINES: dict[str, tuple[tuple[float | None, ...], ...]] = {
    "none": (),
    "empty": ((),),
    "missing": ((None,),),
    "one": ((3.0,),),
    "gaps": ((None, 3.0, None),),
    "sizes": ((1e12, -1e12), (1e-9, 2e-9)),
    "many": tuple([(1.0, 2.0)] * 9),
}


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("limit", [pytest.param(None, marks=pytest.mark.deep), 0.0])
@pytest.mark.parametrize("lines", rows(LINES, ("gaps", "sizes", "many")))
def test_any_lines_are_drawn_the_same_and_small(
    words: Say, lines: tuple[tuple[float | None, ...], ...], limit: float | None
) -> None:
    drawn = plot(*lines, limit=limit)
    image = png(drawn, words("ja"))
    assert image == png(drawn, words("ja"))
    assert len(image) <= 100_000


def test_a_model_differs_from_a_measurement(words: Say) -> None:
    measured = plot((10.0, 20.0, 40.0, 50.0))
    fitted = replace(measured, lines=(replace(measured.lines[0], fitted=True),))
    assert png(measured, words("en")) != png(fitted, words("en"))


def test_rows_have_the_figures_of_all_lines(words: Say) -> None:
    view = evidence_view(plot((10.0, None), (1.5, 2.0)), words("en"))
    assert view.columns == ("Users", "モジュール 0", "モジュール 1")
    assert view.rows == (("5", "10 ms", "1.5 ms"), ("10", "–", "2 ms"))
    assert view.finding == "finding"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="values in every line"):
        replace(plot((1.0, 2.0)), xs=(1.0,))
    with pytest.raises(ValueError, match="do not rise"):
        replace(plot((1.0, 2.0)), xs=(2.0, 1.0))
