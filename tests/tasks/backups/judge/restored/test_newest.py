"""How recent the rows of a restored database are."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tasks.backups.facts import Contents
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
