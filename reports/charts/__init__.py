"""Charts of reports."""

from reports.words import Words
from tasks.check_result import Drawing


def as_png(chart: Drawing, words: Words) -> bytes:
    """The chart as PNG, as `reports.charts.png` draws it, which takes 60 MB: most processes draw none."""
    from reports.charts.png import png

    return png(chart, words)
