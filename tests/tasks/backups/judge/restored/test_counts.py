"""The rows of every restored table."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tasks.backups.facts import DrillVerdict, PastDrill, Sequence, TableContents
from tasks.backups.judge.restored.counts import judge_counts
from tasks.backups.judge.restored.schema import judge_schema
from tasks.backups.limits import BackupLimits
from tasks.check_result import CheckResult, Status
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


def judged(copy: Any, recorded: Any, live: Any = UNREACHABLE, limits: BackupLimits = LIMITS) -> CheckResult:
    return judge_counts("database:shop", drill(copy, recorded, live), limits, NOW)


def orders(number: int, **more: Any) -> Any:
    return contents(table("items", 7), table("orders", number, **more))


@pytest.mark.parametrize(("restored", "status"), [(119, Status.FAIL), (120, Status.PASS), (121, Status.FAIL)])
def test_a_snapshots_rows_are_all_there_and_no_others(restored: int, status: Status) -> None:
    result = judged(orders(restored), manifest(orders(120)))
    assert result.status is status and observed(result) == restored + 7
    assert result.limit is not None and (result.limit.comparison, result.limit.value) == ("=", 127)
    if status is Status.FAIL:
        assert text(result.reason) == f"Row counts differ from the backup: public.orders ({restored} ≠ 120)"
    else:
        assert text(result.reason) == "Row counts of all 2 tables match the backup"


def test_the_worst_fault_is_the_reason_and_all_are_evidence() -> None:
    recorded = manifest(contents(*(table(name, 9) for name in ("a", "b", "c", "d"))))
    result = judged(contents(table("a", 9), table("b", 8), table("c", 0)), recorded)
    assert (result.status, text(result.reason)) == (Status.FAIL, "Missing from the restored database: public.d")
    assert [(row[0], row[-1]) for row in rows(result)] == [
        ("public.d", "missing"),
        ("public.c", "no rows"),
        ("public.b", "differs from the backup"),
        ("public.a", "as expected"),
    ]
    assert rows(result)[0] == ["public.d", "–", "9", "–", "missing"]


def test_data_left_out_is_named() -> None:
    for recorded, live in ((manifest(orders(120)), UNREACHABLE), (NO_MANIFEST, orders(120))):
        result = judged(orders(0), recorded, live)
        assert result.status is Status.FAIL
        assert text(result.reason) == "Restored empty, rows expected: public.orders (0 ≠ 120)"


def test_only_expected_tables_count_towards_the_limit() -> None:
    result = judged(contents(table("items", 7), table("new", 3)), manifest(contents(table("items", 7))))
    assert (result.status, observed(result)) == (Status.PASS, 7)


def test_many_faults_are_counted() -> None:
    result = judged(contents(table("x", 1)), NO_MANIFEST, contents(*(table(f"t{n}", 1) for n in range(30))))
    assert text(result.reason).endswith("public.t4, … (+25)")
    assert len(rows(result)) == 21 and rows(result)[-1][0] == "10 more"


@pytest.mark.parametrize(
    ("restored", "live", "status"),
    [
        (9_000, 10_000, Status.PASS),
        (8_999, 10_000, Status.FAIL),
        (11_000, 10_000, Status.PASS),
        (11_001, 10_000, Status.WARN),
        (90_000, 100_000, Status.PASS),
        (89_999, 100_000, Status.FAIL),
        (110_000, 100_000, Status.PASS),
        (110_001, 100_000, Status.WARN),
        (1_000, 2_000, Status.WARN),
        (1_000, 2_001, Status.FAIL),
        (450, 900, Status.WARN),
        (810, 900, Status.PASS),
        (809, 900, Status.WARN),
        (449, 900, Status.FAIL),
        (1, 40, Status.FAIL),
        (20, 40, Status.WARN),
        (30, 40, Status.PASS),
        (1, 11, Status.PASS),
        (1, 22, Status.FAIL),
        (1_000, 0, Status.PASS),
        (1_001, 0, Status.WARN),
        (0, 0, Status.PASS),
        (0, 11, Status.FAIL),
    ],
)
@pytest.mark.parametrize("recorded", [NO_MANIFEST, manifest(None), manifest(orders(5), exact=False)])
def test_live_rows_have_moved_on_within_limits(recorded: Any, restored: int, live: int, status: Status) -> None:
    result = judged(orders(restored), recorded, orders(live))
    assert result.status is status
    if status is not Status.PASS:
        assert f"public.orders ({restored} ≠ {live})" in text(result.reason)
    if status is Status.PASS:
        assert text(result.reason) == "Row counts of all 2 tables are within 10.0 % or 1000 rows of the expected counts"


def test_a_share_is_of_whole_rows() -> None:
    limits = BackupLimits(max_difference_share=0.29, max_difference_rows=0)
    assert judged(orders(71), NO_MANIFEST, orders(100), limits).status is Status.PASS
    assert judged(orders(70), NO_MANIFEST, orders(100), limits).status is Status.FAIL


def test_a_missing_live_table_fails() -> None:
    result = judged(contents(table("items", 7)), NO_MANIFEST, orders(1))
    assert (result.status, text(result.reason)) == (Status.FAIL, "Missing from the restored database: public.orders")


@pytest.mark.parametrize(
    ("rows", "since", "status"), [(0, None, Status.WARN), (9, 9, Status.WARN), (9, 8, Status.FAIL)]
)
def test_a_table_made_since_is_no_fault(rows: int, since: int | None, status: Status) -> None:
    result = judged(contents(table("items", 7)), NO_MANIFEST, orders(rows, since=since))
    assert result.status is status and "public.orders" in text(result.reason)
    recorded = manifest(orders(0), exact=False)
    assert judged(contents(table("items", 7)), recorded, orders(rows, since=since)).status is Status.FAIL


def named(name: str, number: int, column: str = "total numeric", sqlite: bool = False) -> Any:
    """A database with a table of such a name."""
    lines = (f"column public.{name}.id bigint", f"column public.{name}.{column}")
    if sqlite:
        lines = (f"table public.{name}: CREATE TABLE {name} (id INTEGER, {column})",)
    return contents(table("items", 7), table(name, number), schema=lines)


@pytest.mark.parametrize("sqlite", [False, True])
@pytest.mark.parametrize(
    ("restored", "column", "status", "word"),
    [
        (120, "total numeric", Status.WARN, "new or renamed in the live database since: public.bought"),
        (120, "sum numeric", Status.WARN, "new or renamed"),
        (0, "total numeric", Status.FAIL, "Restored empty, rows expected: public.bought (0 ≠ 120)"),
        (50, "total numeric", Status.FAIL, "Fewer rows than expected"),
    ],
)
def test_a_table_renamed_since_is_counted_under_its_old_name(
    restored: int, column: str, status: Status, word: str, sqlite: bool
) -> None:
    old, new = named("orders", restored, sqlite=sqlite), named("bought", 120, column, sqlite)
    result = judged(old, NO_MANIFEST, new)
    assert result.status is status and word in text(result.reason)
    assert judge_schema("database:shop", drill(old, NO_MANIFEST, new), NOW).status is Status.WARN
    assert judged(old, manifest(new)).status is Status.FAIL


def test_a_table_of_other_columns_is_another_table() -> None:
    old = contents(table("items", 7), table("orders", 120), schema=("column public.orders.id uuid",))
    result = judged(old, NO_MANIFEST, named("bought", 120))
    assert (result.status, text(result.reason)) == (Status.FAIL, "Missing from the restored database: public.bought")


@pytest.mark.parametrize(
    ("recorded", "live", "more", "status"),
    [
        (manifest(orders(0), exact=False), 1_001, {}, Status.PASS),
        (manifest(orders(1), exact=False), 1, {}, Status.FAIL),
        (manifest(contents(table("items", 7)), exact=False), 1_000, {}, Status.FAIL),
        (NO_MANIFEST, 1_000, {}, Status.FAIL),
        (NO_MANIFEST, 1_000, {"since": 1_000}, Status.PASS),
        (NO_MANIFEST, 1_000, {"since": 999}, Status.FAIL),
        (NO_MANIFEST, 10, {}, Status.WARN),
        (NO_MANIFEST, 11, {}, Status.FAIL),
    ],
)
def test_a_table_filled_since_is_no_fault(recorded: Any, live: int, more: dict[str, int], status: Status) -> None:
    result = judged(orders(0), recorded, orders(live, **more))
    assert result.status is status
    if status is Status.WARN:
        assert "they came since, or were lost: public.orders" in text(result.reason)


def numbered(rows: int, last: int | None, highest: int | None = None) -> Any:
    """A table of so many rows, whose sequence has given its last number."""
    return orders_and(rows, Sequence("public.orders_id_seq", "public.orders.id", last, highest or rows or None))


def orders_and(rows: int, sequence: Sequence) -> Any:
    return contents(table("items", 7), table("orders", rows), sequences=(sequence,))


@pytest.mark.parametrize(
    ("copy", "live", "status"),
    [
        (numbered(1, 40), numbered(40, 40), Status.FAIL),
        (numbered(30, 30), numbered(40, 40), Status.PASS),
        (numbered(30, 40), numbered(40, 40), Status.PASS),
        (numbered(29, 40), numbered(40, 40), Status.FAIL),
        (numbered(1, 1), numbered(5_000, 5_000), Status.PASS),
        (numbered(890, 900), numbered(900, 900), Status.PASS),
        (numbered(889, 900), numbered(900, 900), Status.FAIL),
        (numbered(0, 7), numbered(3, 10), Status.PASS),
        (numbered(0, 8), numbered(3, 10), Status.WARN),
        (numbered(0, 10), numbered(3, 10), Status.FAIL),
        (numbered(0, None), numbered(3, 3), Status.WARN),
        (numbered(0, None), numbered(30, 30), Status.FAIL),
        (numbered(40, 40), numbered(900, 900, highest=901), Status.FAIL),
    ],
)
def test_the_sequence_of_a_table_says_how_many_rows_can_have_come_since(copy: Any, live: Any, status: Status) -> None:
    assert judged(copy, NO_MANIFEST, live).status is status


def past(*rows: int) -> list[PastDrill]:
    """Earlier drills of a table with so many rows, newest first."""
    times = [MADE - timedelta(days=number + 1) for number in range(len(rows))]
    return [
        PastDrill(at, DrillVerdict.PASSED, "shop.dump", at, 1, 1.0, "15.4", "", rows={"public.orders": number})
        for at, number in zip(times, rows, strict=True)
    ]


@pytest.mark.parametrize(
    ("restored", "earlier", "live", "status"),
    [
        (1, past(900, 800, 700), 1, Status.WARN),
        (450, past(900, 800, 700), 450, Status.PASS),
        (449, past(900, 800, 700), 449, Status.WARN),
        (1, past(900, 800), 1, Status.PASS),
        (1, past(900, 950, 700), 1, Status.PASS),
        (0, past(9, 9, 9), 0, Status.PASS),
        (0, past(11, 11, 9), 0, Status.WARN),
        (500, past(999, 999, 999), 1_000, Status.WARN),
        (500, past(499, 480), 1_000, Status.PASS),
        (450, past(999, 999, 999), 900, Status.WARN),
        (5_000, past(8, 5_000, 3), 0, Status.PASS),
        (0, past(0, 0), 400, Status.PASS),
        (0, past(5, 0), 4, Status.FAIL),
        (0, past(3, 7, 2), 4, Status.WARN),
    ],
)
def test_a_fall_is_judged_by_the_tables_own_past(
    restored: int, earlier: list[PastDrill], live: int, status: Status
) -> None:
    found = judge_counts("database:shop", drill(orders(restored), NO_MANIFEST, orders(live)), LIMITS, NOW, earlier)
    assert found.status is status
    if live == restored:
        exact = drill(orders(restored), manifest(orders(restored)), UNREACHABLE)
        assert judge_counts("database:shop", exact, LIMITS, NOW, earlier).status is status


def test_large_objects_are_counted_as_a_table_where_both_sides_were_read() -> None:
    large = replace(orders(9), large_objects=TableContents("pg_largeobject", 5))
    result = judged(replace(large, large_objects=TableContents("pg_largeobject", 0)), manifest(large))
    assert (result.status, text(result.reason)) == (
        Status.FAIL,
        "Restored empty, rows expected: pg_largeobject (0 ≠ 5)",
    )
    assert judged(orders(9), manifest(large)).status is Status.PASS
    assert judged(large, manifest(orders(9))).status is Status.PASS


@pytest.mark.parametrize(("live", "finding"), [(1_120, "as expected"), (1_250, "the live database has changed")])
def test_a_live_table_that_moved_on_is_no_fault_of_an_exact_backup_and_shown(live: int, finding: str) -> None:
    result = judged(orders(120), manifest(orders(120)), orders(live))
    assert result.status is Status.PASS
    assert [row[4] for row in rows(result) if row[0] == "public.orders"] == [finding]


def test_a_table_dropped_since_is_no_fault_of_an_exact_backup() -> None:
    assert judged(orders(120), manifest(orders(120)), contents(table("items", 7))).status is Status.PASS


@pytest.mark.parametrize(
    ("restored", "status"),
    [(5_400_000, Status.PASS), (5_399_999, Status.WARN), (6_600_001, Status.WARN), (1, Status.WARN)],
)
def test_an_estimate_only_warns_and_is_called_one(restored: int, status: Status) -> None:
    result = judged(orders(restored), NO_MANIFEST, orders(6_000_000, exact=False))
    assert result.status is status and "estimate" in text(result.reason)
    assert [row[3] for row in rows(result) if row[0] == "public.orders"] == ["≈6000000"]
    if status is Status.WARN:
        assert f"public.orders ({restored} ≠ ≈6000000)" in text(result.reason)
    exact = judged(orders(restored), manifest(orders(restored)), orders(6_000_000, exact=False))
    assert exact.status is Status.PASS


def test_no_row_where_many_are_estimated_is_a_fault() -> None:
    result = judged(orders(0), NO_MANIFEST, orders(6_000_000, exact=False))
    assert result.status is Status.FAIL and "public.orders (0 ≠ ≈6000000)" in text(result.reason)
    assert judged(orders(0), NO_MANIFEST, orders(1_000, exact=False)).status is Status.PASS


def test_a_recorded_estimate_is_no_exact_number() -> None:
    recorded = manifest(orders(120, exact=False))
    assert judged(orders(121), recorded).status is Status.PASS
    assert judged(orders(121), recorded, orders(5_000)).status is Status.FAIL


def test_a_restored_estimate_is_no_count() -> None:
    result = judged(orders(120, exact=False), manifest(orders(120)))
    assert result.status is Status.UNKNOWN and "estimated, not counted" in text(result.reason)
    assert judged(contents(table("orders", 120, exact=False)), manifest(orders(120))).status is Status.FAIL


def test_rows_recorded_at_another_moment_count_where_nothing_is_live() -> None:
    recorded = manifest(orders(10_000), exact=False)
    assert judged(orders(9_000), recorded).status is Status.PASS
    assert judged(orders(8_999), recorded).status is Status.FAIL
    limit = judged(orders(9_000), recorded).limit
    assert limit is not None and (limit.comparison, limit.value) == ("≥", 9_000)
    assert text(limit.source).startswith("row counts recorded at another time, minus 10.0 % or 1000 rows")


def test_no_table_at_all_fails_whatever_was_expected() -> None:
    empty = replace(contents(), tables=())
    for recorded, live in ((NO_MANIFEST, UNREACHABLE), (manifest(empty), empty), (NO_MANIFEST, orders(1))):
        result = judged(empty, recorded, live)
        assert (result.status, observed(result)) == (Status.FAIL, 0)
        assert text(result.reason) == "The restored database has no tables"


def test_a_live_database_that_shows_no_table_is_nothing_to_compare_with() -> None:
    result = judged(orders(1), NO_MANIFEST, replace(contents(), tables=()))
    assert result.status is Status.UNKNOWN and "shows no table" in text(result.reason)
