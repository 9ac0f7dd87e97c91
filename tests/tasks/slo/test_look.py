"""From raw log lines and probes to every result that rests on them: what could not be read is nowhere green."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.check_result import CheckResult, Status, Table, moment, msg
from tasks.history.opened import history_of
from tasks.logs.ingest import read_log
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.settings import load_settings
from tasks.slo.judge.review import judge_review
from tasks.slo.look import objectives_of, read_slis
from tasks.slo.review import review_of, span_of, windows_of
from tasks.slo.windows import minute_of

MINUTE = timedelta(minutes=1)
END = datetime(2026, 11, 10, tzinfo=UTC)
UNPROBED = range(-1999, -1900)
SERVICE = """[service]
name = "shop"
base_url = "http://shop.example"
timezone = "UTC"
[health]
ready = "/ready"
[[logs.source]]
name = "app"
kind = "file"
paths = ["app.log"]
[slo.alerts]
period_days = 30
burn = [{ budget_share = 0.05, long_h = 6, level = "page" }]
"""
OTHER_LOG = """[[logs.source]]
name = "other"
kind = "file"
paths = ["other.log"]
"""
OBJECTIVES = """
[[slo.objective]]
name = "availability"
kind = "availability"
target = 0.999
window = "1d"
[[slo.objective]]
name = "latency"
kind = "latency"
within_ms = 200
target = 0.95
window = "1d"
[[slo.objective]]
name = "uptime"
kind = "uptime"
target = 0.9995
window = "2d"
"""


def lines(case: str) -> Iterator[str]:
    for n in range(2880):
        if case == "unprobed" and n - 2880 in UNPROBED:  # answered requests would show as well that it was up
            continue
        record = {
            "timestamp": (END - timedelta(days=2) + n * MINUTE).isoformat(),
            "level": "info",
            "method": "GET",
            "url": "/items",
            "status": "none" if case == "status" and n % 2 else 200,
            "duration": 0.05 if case == "seconds" else 50,
        }
        text = json.dumps(record)
        yield text[:60] if (case == "torn" and n % 5 == 0) or (case == "rotated" and n % 720 == 0) else text


OTHER_MINUTES = {
    "other": range(-2880, 0),
    "other-began": range(-1000, 0),  # another instance that is new
    "other-paused": range(-2880, -60),
    "other-ended": range(-2880, -600),
    "other-gone": range(-4320, -2880),  # before both windows
}
"""When a second log has a request each minute."""


def other_lines(case: str) -> Iterator[str]:
    for n in OTHER_MINUTES.get(case, ()):
        at = (END + n * MINUTE).isoformat()
        yield json.dumps(
            {"timestamp": at, "level": "info", "method": "GET", "url": "/b", "status": 200, "duration": 50}
        )


def reviewed(folder: Path, case: str) -> dict[str, CheckResult]:
    (folder / "service.toml").write_text(SERVICE + (OTHER_LOG if "other" in case else "") + OBJECTIVES)
    (folder / "other.log").write_text("".join(f"{line}\n" for line in other_lines(case)))
    (folder / "app.log").write_text("".join(f"{line}\n" for line in lines(case)))
    settings = load_settings(folder / "service.toml")
    history = history_of(settings)
    # Seven minutes down with three between them that were up; the last four of the window and six after it.
    down = {*range(-200, -196), *range(-193, -190), *range(-4, 6)} if case == "down" else set[int]()
    readings = [
        (END + n * MINUTE, Reading("probe.ready", "service", float(n not in down), ""))
        for n in range(-2 * 1440, 31)
        if case != "unprobed" or n not in UNPROBED
    ]
    store_readings(history, "shop", readings)
    for source in settings.logs.source:
        read_log(history, settings, source, END, 60)
    objectives, now = objectives_of(settings), END + 30 * MINUTE
    windows = windows_of(objectives, settings.slo, END, settings.zone)
    span = span_of(windows, settings.slo, END, now)
    data = asyncio.run(read_slis(history, settings, objectives, span, minute_of(now)))
    review = review_of(objectives, windows, settings.slo, data, END, settings.zone)
    results = judge_review(review, settings.slo, "production", msg("the service file"), now)
    history.dispose()
    return {f"{r.check} {r.subject}".replace("objective:", ""): r for r in results}


def test_healthy_lines_torn_by_rotations_are_green_everywhere(tmp_path: Path) -> None:
    found = reviewed(tmp_path, "rotated")
    assert {r.status for r in found.values()} == {Status.PASS}, {k: r.reason for k, r in found.items()}


@pytest.mark.parametrize(
    ("case", "unknown", "figures"),
    [
        ("torn", "availability", {"unread": 285, "total": 1437, "left": 1}),
        pytest.param("status", "availability", {"unread": 720, "total": 1440, "left": 1}, marks=pytest.mark.deep),
        ("seconds", "latency", None),
        pytest.param("unprobed", "uptime", {"minutes": 99, "left": 1.4}, marks=pytest.mark.deep),
    ],
)
def test_what_could_not_be_read_is_unknown(
    tmp_path: Path, case: str, unknown: str, figures: dict[str, float] | None
) -> None:
    found = reviewed(tmp_path, case)
    result = next(r for name, r in found.items() if name == f"slo.{unknown} {unknown}")
    assert result.status is Status.UNKNOWN and (figures is None or result.reason.params == figures)
    assert found["slo.error-budget service"].status is Status.UNKNOWN
    assert found["slo.downtime service"].status is (Status.UNKNOWN if case == "unprobed" else Status.PASS)


@pytest.mark.parametrize(
    ("case", "lost"),
    [
        ("other-began", 0),
        ("other-ended", 600),
        *(
            pytest.param(*row, marks=pytest.mark.deep)
            for row in [("other", 0), ("other-paused", 0), ("other-gone", 1440)]
        ),
    ],
)
def test_one_log_of_two_that_ended_is_not_green(tmp_path: Path, case: str, lost: int) -> None:
    found = reviewed(tmp_path, case)
    result = found["slo.availability availability"]
    assert result.status is (Status.UNKNOWN if lost else Status.PASS)
    assert found["slo.error-budget service"].status is (Status.UNKNOWN if lost else Status.PASS)
    burns = found["slo.burn-rate availability"]  # of the last six hours
    assert burns.status is (Status.UNKNOWN if lost else Status.PASS)
    if lost:
        figures = result.reason.params
        assert 0.2 * lost < figures["lost"] < lost  # the mean of the same hours, silent days too
        assert (figures["logs"], figures["left"]) == ("other", 2 if lost == 600 else 1)


def test_downtime_is_what_uptime_counts_and_what_ended_is_not_ongoing(tmp_path: Path) -> None:
    found = reviewed(tmp_path, "down")
    downtime, uptime = found["slo.downtime service"], found["slo.uptime uptime"]
    assert downtime.reason.params == {"minutes": 11, "n": 2} and uptime.reason.params["bad"] == 11
    [table] = downtime.evidence
    assert isinstance(table, Table)
    assert [(row[1], row[2], row[5]) for row in table.rows] == [
        (moment(END - 190 * MINUTE), 10.0, 7),
        (moment(END + 6 * MINUTE), 10.0, 4),
    ]
