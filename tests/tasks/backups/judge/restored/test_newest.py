"""How recent the rows of a restored database are."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tasks.backups.facts import Contents, DrillVerdict, PastDrill
from tasks.backups.judge.restored.newest import judge_newest_row
from tasks.backups.reasons import NO_LIVE
from tasks.check_result import CheckResult, Status
from tasks.observation import Unobserved
from tests.tasks.backups.judge.restored.test_expected import (
    LIMITS,
    MADE,
    NO_MANIFEST,
    NOW,
    UNREACHABLE,
    contents,
    drill,
    manifest,
    observed,
    rows,
    table,
    text,
)

NONE = contents()


def ago(minutes: float) -> datetime:
    return MADE - timedelta(minutes=minutes)


def reaching(orders: float, items: float = 3000.0) -> Contents:
    """Newest rows of so many minutes before the backup."""
    return contents(
        table("items", 7, newest=(("sold_at", ago(items)),)),
        table("orders", 120, newest=(("created_at", ago(orders)), ("paid_at", ago(orders + 1)))),
    )


NOT_SET = Unobserved(NO_LIVE)


def judged(copy: Any, recorded: Any, live: Any = NOT_SET) -> CheckResult:
    return judge_newest_row("database:shop", drill(copy, recorded, live), LIMITS, 26.0, NOW)


@pytest.mark.parametrize(
    ("lag", "status"), [(-5.0, Status.PASS), (0.0, Status.PASS), (60.0, Status.PASS), (60.5, Status.FAIL)]
)
@pytest.mark.parametrize("by", ["none", "exact", "of another moment"])
def test_a_lagging_standby_is_found_by_the_live_rows(by: str, lag: float, status: Status) -> None:
    copy = reaching(10 + lag)
    recorded = {
        "none": NO_MANIFEST,
        "exact": manifest(copy),
        "of another moment": manifest(reaching(9999), exact=False),
    }[by]
    result = judged(copy, recorded, reaching(10))
    assert result.status is status and observed(result) == max(0.0, lag)
    assert result.limit is not None and (result.limit.value, result.limit.unit) == (60.0, "min")


def column_of(items: float | None, orders: float = 1.0, **more: Any) -> Contents:
    """Two tables, one of which may have stopped so many hours before the backup."""
    newest = () if items is None else (("sold_at", MADE - timedelta(hours=items)),)
    return contents(table("items", 7, newest=newest), table("orders", 9, newest=(("at", ago(orders)),)), **more)


@pytest.mark.parametrize(
    ("restored", "live", "status"),
    [
        (240.0, 0.5, Status.FAIL),
        (1.5, 0.5, Status.PASS),
        (1.6, 0.5, Status.FAIL),
        (400.0, 72.0, Status.FAIL),
        (400.0, 73.0, Status.PASS),
        (500.0, 500.0, Status.PASS),
        (50.0, 26.0, Status.PASS),
        (51.1, 26.0, Status.FAIL),
    ],
)
def test_one_table_that_stopped_is_found_by_its_own_column(restored: float, live: float, status: Status) -> None:
    """At 26 h before it is midnight: a whole day, of which nobody knows the hour."""
    for recorded in (NO_MANIFEST, manifest(column_of(restored))):
        result = judged(column_of(restored), recorded, column_of(live))
        assert result.status is status
        if status is Status.FAIL:
            assert "public.items.sold_at ends at" in text(result.reason)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("column public.items.sold_at date", Status.FAIL),
        ('table public.items: CREATE TABLE items (id INTEGER PRIMARY KEY, "sold_at" DATE)', Status.FAIL),
        ("table public.items: CREATE TABLE items (id INTEGER PRIMARY KEY)", Status.PASS),
        ("", Status.PASS),
    ],
)
def test_a_column_that_lost_all_its_times_was_there_before(line: str, status: Status) -> None:
    copy = column_of(None, schema=(line,))
    assert judged(copy, NO_MANIFEST, column_of(1.0)).status is status


def earlier(*hours: float) -> list[PastDrill]:
    """Drills of earlier backups, and how many hours before each of them the column ended."""
    times = [MADE - timedelta(days=7 * (number + 1)) for number in range(len(hours))]
    return [
        PastDrill(
            at, DrillVerdict.PASSED, "", at, 1, 1.0, "", "", newest={"public.items.sold_at": at - timedelta(hours=h)}
        )
        for at, h in zip(times, hours, strict=True)
    ]


@pytest.mark.parametrize(
    ("hours", "past", "status"),
    [
        (240.0, earlier(1, 2, 3), Status.WARN),
        (72.0, earlier(1, 2, 3), Status.PASS),
        (72.1, earlier(1, 2, 3), Status.WARN),
        (240.0, earlier(1, 2), Status.PASS),
        (240.0, earlier(1, 80, 3), Status.PASS),
        (240.1, earlier(1, 80, 3), Status.WARN),
        (9_000.0, earlier(8_500, 8_600, 8_700), Status.PASS),
    ],
)
def test_without_live_rows_a_column_is_judged_by_its_own_past(
    hours: float, past: list[PastDrill], status: Status
) -> None:
    copy = column_of(hours)
    found = judge_newest_row("database:shop", drill(copy, manifest(copy), NOT_SET), LIMITS, 26.0, NOW, past)
    assert found.status is status


def test_both_times_are_in_the_reason() -> None:
    result = judged(reaching(100), NO_MANIFEST, reaching(10))
    assert text(result.reason) == (
        "The newest row is from 2026-12-01T00:20Z, though public.orders.created_at had 2026-12-01T01:50Z "
        "before the backup: the dump is of a lagging standby or an old copy"
    )
    assert rows(result)[0] == ["public.orders.created_at", "2026-12-01T00:20Z", "–", "2026-12-01T01:50Z"]
    good = judged(reaching(12), NO_MANIFEST, reaching(10))
    assert text(good.reason) == (
        "The newest row is from 2026-12-01T01:48Z; before the backup, public.orders.created_at had 2026-12-01T01:50Z"
    )


def test_every_column_is_as_it_was_recorded() -> None:
    older = judged(reaching(10, items=3005), manifest(reaching(10)), reaching(10))
    assert (older.status, observed(older)) == (Status.FAIL, 5.0)
    assert text(older.reason) == (
        "The newest time in public.items.sold_at is 2026-11-28T23:55Z, but the manifest records 2026-11-29T00:00Z"
    )
    assert judged(reaching(10), manifest(reaching(10)), reaching(10)).status is Status.PASS
    assert judged(reaching(9.99), manifest(reaching(10)), reaching(10)).status is Status.FAIL
    several = judged(reaching(20, items=3005), manifest(reaching(10)), reaching(10))
    assert observed(several) == 10.0


def test_a_recorded_column_without_a_time_fails() -> None:
    emptied = contents(table("items", 0), reaching(10).tables[1])
    result = judged(emptied, manifest(reaching(10)), reaching(10))
    assert (result.status, observed(result)) == (Status.FAIL, "no time")
    assert text(result.reason) == ("public.items.sold_at has no time, but the manifest records 2026-11-29T00:00Z")


def test_a_copy_without_a_time_that_the_live_rows_had_fails() -> None:
    for recorded, live in ((NO_MANIFEST, reaching(10)), (manifest(reaching(10), exact=False), UNREACHABLE)):
        result = judged(NONE, recorded, live)
        assert (result.status, observed(result)) == (Status.FAIL, "no time")
        assert "No restored row has a time, though public.orders.created_at had" in text(result.reason)


@pytest.mark.parametrize(
    ("age_h", "status"), [(0.5, Status.PASS), (26.0, Status.PASS), (26.01, Status.FAIL), (-1.0, Status.PASS)]
)
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("live", [NOT_SET, NONE])
def test_without_live_rows_the_objective_is_the_limit(live: Any, exact: bool, age_h: float, status: Status) -> None:
    copy = reaching(age_h * 60)
    result = judged(copy, manifest(copy) if exact else NO_MANIFEST, live)
    assert result.status is status and observed(result) == pytest.approx(max(0.0, age_h * 60))
    assert result.limit is not None and result.limit.value == 26 * 60
    assert ("set live" in text(result.reason)) is (status is Status.FAIL)


@pytest.mark.parametrize("recorded", [NO_MANIFEST, manifest(reaching(10)), manifest(reaching(10), exact=False)])
def test_an_unreadable_live_database_leaves_the_result_unknown(recorded: Any) -> None:
    """A lagging standby with a manifest of its own agrees with itself."""
    unseen = judged(reaching(10), recorded, UNREACHABLE)
    assert (unseen.status, text(unseen.reason)) == (Status.UNKNOWN, "The live database does not answer")
    assert judged(NONE, manifest(reaching(10)), UNREACHABLE).status is Status.FAIL


def test_a_record_of_another_time_is_compared_where_nothing_is_live() -> None:
    recorded = manifest(reaching(10), exact=False)
    assert judged(reaching(70), recorded).status is Status.PASS
    assert judged(reaching(71), recorded).status is Status.FAIL


def test_without_a_time_the_result_is_unknown() -> None:
    for recorded, live in ((NO_MANIFEST, UNREACHABLE), (manifest(NONE), NONE), (manifest(None), NONE)):
        result = judged(NONE, recorded, live)
        assert result.status is Status.UNKNOWN and "is unknown" in text(result.reason)


def test_a_backup_of_unknown_time_needs_live_rows() -> None:
    seen = replace(drill(reaching(10), NO_MANIFEST, UNREACHABLE), backup=None)
    assert judge_newest_row("database:shop", seen, LIMITS, 26.0, NOW).status is Status.UNKNOWN
    assert judge_newest_row("database:shop", replace(seen, live=reaching(10)), LIMITS, 26.0, NOW).status is Status.PASS
