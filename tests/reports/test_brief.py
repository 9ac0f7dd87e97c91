"""A round on the terminal in short: within its lines and columns, and failures are the last to be left out."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len

from reports.brief import MOST_LINES, brief
from reports.report import Report, Seal
from reports.words import Words
from tasks.check_result import CheckResult, Curve, Ladder, LadderStep, Status, verbatim

Say = Callable[[str], Words]
Sealed = Callable[[Report], Seal]
FAILING, WARNING, UNKNOWN = Status.FAIL, Status.WARN, Status.UNKNOWN


def lines(report: Report, seal: Sealed, words: Words, width: int = 100) -> list[str]:
    return brief(report, seal(report), words, width).plain.split("\n")


def with_results(report: Report, **numbers: int) -> Report:
    """So many results of each status, all with a long reason in wide characters."""
    of = {r.status: r for r in report.results}

    def made(status: str) -> list[CheckResult]:
        one = replace(of[Status(status)], reason=verbatim("上流の応答がありません " * 30), evidence=())
        return [replace(one, subject=f"module:{status.lower()}{n}") for n in range(numbers[status])]

    return replace(report, results=tuple(r for status in numbers for r in made(status)))


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("width", [40, 80, *(pytest.param(width, marks=pytest.mark.deep) for width in (100, 200))])
@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"FAIL": 9, "WARN": 6, "UNKNOWN": 8},
        {"PASS": 400, "FAIL": 1},
        {"WARN": 60, "UNKNOWN": 60, "FAIL": 60},
        {"UNKNOWN": 100},
        {"FAIL": 12, "WARN": 90},
    ],
)
def test_lines_and_columns(
    bad_day: Report, seal: Sealed, words: Say, locale: str, width: int, numbers: dict[str, int]
) -> None:
    report = with_results(bad_day, **numbers) if numbers else bad_day
    shown = lines(replace(report, notes=(verbatim("長い注記 " * 90),) * 20), seal, words(locale), width)
    assert len(shown) <= MOST_LINES
    assert max(map(cell_len, shown)) <= width


def test_every_failure_comes_before_any_other_finding(bad_day: Report, seal: Sealed, words: Say) -> None:
    """What is left out is counted, and never a failure where a warning is shown."""
    shown = lines(with_results(bad_day, WARN=60, UNKNOWN=40, FAIL=20), seal, words("en"))
    assert [n for n in range(20) if not any(re.search(rf"module:fail{n}\b", line) for line in shown)] == []
    text = "\n".join(shown)
    assert "Checks that need attention (60)" in text and "Unknown (40)" in text
    left = re.findall(r"… and (\d+) more: --full", text)
    assert len(left) == 2 and int(left[1]) == 40 - text.count("? Errors not seen before")
    assert int(left[0]) == 60 - sum("module:warn" in line for line in shown)
    too_many = "\n".join(lines(with_results(bad_day, WARN=1, FAIL=90), seal, words("en")))
    assert too_many.index("Failed checks (90)") < too_many.index("more: --full")
    assert "Checks that need attention (1)" in too_many


def test_severe_failures_are_the_last_to_be_left_out(bad_day: Report, seal: Sealed, words: Say) -> None:
    report = with_results(bad_day, FAIL=90)
    *others, severe = report.results
    worst = replace(severe, subject="module:worst", severity=type(severe.severity)(3))
    shown = lines(replace(report, results=(*others, worst)), seal, words("ja"))
    assert any("module:worst" in line for line in shown)


def test_what_a_round_says_in_short(bad_day: Report, seal: Sealed, words: Say) -> None:
    shown = lines(bad_day, seal, words("en"))
    assert shown[0] == "✕ Checks failed: shop · Daily checklist · 2026-11-24"
    text = "\n".join(shown)
    order = ["Checklist", "Failed checks (2)", "Checks that need attention (1)", "Unknown (1)", "6 of 11 checks passed"]
    assert sorted(order, key=text.index) == order
    assert "✕ Probe latency, module:orders: 812.4 ms (limit ≤ 200 ms)\n    31 of 40 checks failed" in text
    assert "? Errors not seen before, log:app\n    /var/log/app.log cannot be read: permission denied" in text
    (line,) = (line.strip() for line in shown if "Room left" in line)
    assert line == "Room left on /var  █▇▆·▄▂▁  18.5 % (limit 20 %)"
    assert "1 skipped; all results: --full" in text


def test_a_good_round_is_short(good_day: Report, seal: Sealed, words: Say) -> None:
    assert len(lines(good_day, seal, words("ja"))) < 15


def test_curves_and_ladders_are_a_line_each(bad_day: Report, seal: Sealed, words: Say) -> None:
    (warned,) = (r for r in bad_day.results if r.status is WARNING)
    (curve,) = warned.evidence
    assert isinstance(curve, Curve)
    at = tuple(f"2026-11-{n // 24 + 1:02}T{n % 24:02}:00Z" for n in range(600))
    values = tuple(None if n == 300 else n % 7 for n in range(600))
    long = replace(curve, at=at, values=values, expected=())
    steps = tuple(LadderStep(verbatim(f"step {s}"), s, None, verbatim("")) for s in (Status.PASS, FAILING, UNKNOWN))
    drill = Ladder(verbatim("Drill"), verbatim("stopped"), steps)
    empty = replace(curve, title=verbatim("Empty"), at=(), values=(), expected=())
    pieces = (long, drill, empty)
    shown = lines(replace(bad_day, results=(replace(warned, evidence=pieces),)), seal, words("en"), 80)
    (line,) = (line for line in shown if "Room left" in line)
    assert line.count("·") == 1 and cell_len(line) == 80
    assert any(line.strip() == "Drill  ✓✕?  ✕ step FAIL" for line in shown)
    assert any(line.strip() == "Empty  – (limit 20 %)" for line in shown)
