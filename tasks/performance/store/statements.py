"""Snapshots of pg_stat_statements in the history."""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from tasks.history.engine import History, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.performance.facts import StatementTotal, StatementTotals
from tasks.performance.tables import statement_snapshots, statement_totals

_KEPT = timedelta(days=60)
_WEEK = timedelta(days=7)
_YOUNGEST, _OLDEST = timedelta(days=3), timedelta(days=14)


def store_totals(history: History, service: str, totals: StatementTotals) -> None:
    """Keep a snapshot, and drop those of more than 60 days ago. Raises HistoryError: then nothing is changed."""
    with writing(history) as connection:
        key = service_id(connection, service)
        snapshots = statement_snapshots.c
        # On PostgreSQL two writers would both find no row; on SQLite every writer is alone.
        connection.execute(select(services.c.id).where(services.c.id == key).with_for_update(key_share=True))
        mine = select(snapshots.id).where(snapshots.service_id == key)
        if connection.execute(mine.where(snapshots.at == totals.at)).first() is not None:
            return
        old = mine.where(snapshots.at < totals.at - _KEPT)
        connection.execute(delete(statement_totals).where(statement_totals.c.snapshot_id.in_(old)))
        connection.execute(
            delete(statement_snapshots).where(snapshots.service_id == key, snapshots.at < totals.at - _KEPT)
        )
        values = {"service_id": key, "at": totals.at, "reset_at": totals.reset_at, "total_ms": totals.total_ms}
        number = connection.execute(insert(statement_snapshots).values(values).returning(snapshots.id)).scalar_one()
        rows = [
            {"snapshot_id": number, "query_id": query, "calls": total.calls, "total_ms": total.total_ms}
            for query, total in totals.statements.items()
        ]
        if rows:
            connection.execute(insert(statement_totals), rows)


def read_week_old(history: History, service: str, now: datetime) -> StatementTotals | None:
    """The snapshot whose age is nearest to a week, of three days to two weeks; None without one.

    Raises HistoryError.
    """
    snapshots = statement_snapshots.c
    with reading(history) as connection:
        query = (
            select(statement_snapshots)
            .join(services, services.c.id == snapshots.service_id)
            .where(services.c.name == service, snapshots.at >= now - _OLDEST, snapshots.at <= now - _YOUNGEST)
        )
        found = connection.execute(query).all()
        if not found:
            return None
        row = min(found, key=lambda each: abs(now - _WEEK - each.at))
        totals = connection.execute(select(statement_totals).where(statement_totals.c.snapshot_id == row.id))
        statements = {t.query_id: StatementTotal(t.calls, t.total_ms) for t in totals}
        return StatementTotals(row.at, row.reset_at, row.total_ms, statements, {})
