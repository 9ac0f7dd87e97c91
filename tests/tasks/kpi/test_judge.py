"""Queues and business figures against the limits of the service file."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.check_result import CheckResult, Limit, Quantity, Status, Table, msg
from tasks.kpi.facts import Number, Numbers
from tasks.kpi.judge import judge_kpi, judge_kpis, judge_queue, judge_queues
from tasks.kpi.observe import unseen
from tasks.kpi.readings import number_readings, unseen_numbers
from tasks.kpi.settings import Kpi, Query, Queue
from tasks.observation import Unobserved
from tasks.samples.facts import Reading

NOW = datetime(2026, 11, 24, tzinfo=UTC)
BLIND = Unobserved(msg("The query returned NULL, not a number"))
PASS, WARN, FAIL, UNKNOWN, SKIPPED = Status
ASKED = Query(sql="SELECT 1")
MAIL = Queue(name="mail", depth=ASKED, oldest_s=ASKED, failed=ASKED, max_depth=100, max_oldest_s=60, max_failed=0)


def queue(depth: Number = 1.0, oldest_s: Number = 1.0, failed: Number = 0.0) -> CheckResult:
    return judge_queue(MAIL, {"depth": depth, "oldest_s": oldest_s, "failed": failed}, NOW)


def kpi(value: Number, **limits: Any) -> CheckResult:
    return judge_kpi(Kpi(name="orders", unit="/h", sql="SELECT 1", **limits), value, NOW)


class TestQueue:
    """The worst figure of a queue counts, and none that was not seen."""

    @pytest.mark.parametrize(
        ("figures", "status"),
        [
            ({}, PASS),
            ({"depth": 100.0}, PASS),
            ({"depth": 100.5}, FAIL),
            ({"oldest_s": 60.0}, PASS),
            ({"oldest_s": 60.01}, FAIL),
            ({"failed": 0.01}, FAIL),
            ({"depth": BLIND}, UNKNOWN),
            ({"failed": BLIND}, UNKNOWN),
            ({"depth": BLIND, "oldest_s": BLIND, "failed": BLIND}, UNKNOWN),
            ({"depth": BLIND, "oldest_s": 61.0}, FAIL),
        ],
    )
    def test_a_queue(self, figures: dict[str, Number], status: Status) -> None:
        result = queue(**figures)
        assert (result.check, result.subject, result.status) == ("resources.queue", "queue:mail", status)

    def test_the_figure_that_broke_is_shown_with_its_own_limit_and_all_are_in_the_table(self) -> None:
        result = queue(depth=50.0, oldest_s=120.0, failed=BLIND)
        assert result.observed == Quantity(120.0, "s")
        assert result.limit == Limit("≤", 60.0, "s", msg("the service file"))
        [table] = result.evidence
        assert isinstance(table, Table)
        assert [row[1] for row in table.rows] == [50.0, 120.0, None]

    def test_none_is_named(self) -> None:
        assert [r.status for r in judge_queues((), Numbers({}, {}), NOW)] == [SKIPPED]


class TestKpi:
    """A figure within its range."""

    @pytest.mark.parametrize(
        ("value", "limits", "status"),
        [
            (10.0, {"floor": 10}, PASS),
            (9.99, {"floor": 10}, FAIL),
            (20.0, {"ceiling": 20}, PASS),
            (20.01, {"ceiling": 20}, FAIL),
            (15.0, {"floor": 10, "ceiling": 20}, PASS),
            (9.0, {"floor": 10, "ceiling": 20}, FAIL),
            (21.0, {"floor": 10, "ceiling": 20}, FAIL),
            (0.0, {"floor": 0, "ceiling": 0}, PASS),
            (-5.0, {"floor": -4}, FAIL),
            (BLIND, {"floor": 10}, UNKNOWN),
        ],
    )
    def test_a_figure(self, value: Number, limits: dict[str, float], status: Status) -> None:
        result = kpi(value, **limits)
        assert (result.check, result.subject, result.status) == ("kpi.value", "kpi:orders", status)

    def test_the_end_that_broke_is_shown(self) -> None:
        over, under = kpi(21.0, floor=10, ceiling=20), kpi(9.0, floor=10, ceiling=20)
        assert over.limit is not None and under.limit is not None
        assert (over.limit.comparison, over.limit.value) == ("≤", 20.0)
        assert (under.limit.comparison, under.limit.value) == ("≥", 10.0)

    def test_none_is_named(self) -> None:
        assert [r.status for r in judge_kpis((), Numbers({}, {}), NOW)] == [SKIPPED]


def test_readings_are_what_was_seen() -> None:
    orders = Kpi(name="orders", unit="/h", sql="SELECT 1", floor=1)
    seen = Numbers({"mail": {"depth": 3.0, "oldest_s": BLIND, "failed": 1.0}}, {"orders": 8.0})
    assert number_readings(seen, [orders]) == (
        Reading("queue.depth", "queue:mail", 3.0, ""),
        Reading("queue.failed", "queue:mail", 1.0, ""),
        Reading("kpi.value", "kpi:orders", 8.0, "/h"),
    )
    assert unseen_numbers(seen) == (BLIND,)


def test_a_look_that_cannot_be_taken_stands_for_every_number() -> None:
    orders = Kpi(name="orders", sql="SELECT 1", floor=1)
    seen = unseen([MAIL], [orders], BLIND)
    assert {r.status for r in (*judge_queues([MAIL], seen, NOW), *judge_kpis([orders], seen, NOW))} == {UNKNOWN}
