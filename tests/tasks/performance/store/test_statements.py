"""Snapshots of query counters, on both databases."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select

from tasks.history.engine import reading
from tasks.performance.facts import StatementTotal, StatementTotals
from tasks.performance.store.statements import read_week_old, store_totals
from tasks.performance.tables import statement_totals

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
RESET = datetime(2026, 10, 1, tzinfo=UTC)


def totals(days_ago: float, calls: int = 1) -> StatementTotals:
    at = NOW - timedelta(days=days_ago)
    named = {-(2**63): StatementTotal(calls, 2.5), 7: StatementTotal(2**40, 1e9)}
    return StatementTotals(at, RESET, 1e10, named, {-(2**63): "SELECT $1", 7: "SELECT $2"})


def test_the_snapshot_nearest_to_a_week_ago(history: Engine) -> None:
    assert read_week_old(history, "shop", NOW) is None
    for days in (15, 9, 6.5, 2):
        store_totals(history, "shop", totals(days, calls=round(days)))
    found = read_week_old(history, "shop", NOW)
    assert found is not None and found.at == NOW - timedelta(days=6.5) and found.reset_at == RESET
    assert found.statements == totals(6.5, calls=6).statements and found.queries == {}
    assert read_week_old(history, "other", NOW) is None
    assert read_week_old(history, "shop", NOW + timedelta(days=30)) is None


def test_old_ones_go_and_one_is_kept_once(history: Engine) -> None:
    store_totals(history, "shop", totals(61))
    store_totals(history, "other", totals(61))
    store_totals(history, "shop", totals(0))
    store_totals(history, "shop", totals(0, calls=99))
    with reading(history) as connection:
        assert connection.execute(select(func.count()).select_from(statement_totals)).scalar() == 4
        assert connection.execute(select(func.max(statement_totals.c.query_id))).scalar() == 7
