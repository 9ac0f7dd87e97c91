"""From when on the history has everything, by minute and by hour: what was removed before is not taken for zero."""

from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, select

from tasks.history.engine import History, reading
from tasks.history.tables import kept_from, services
from tasks.history.upsert import put_rows

What = Literal["minutes", "hours"]


def read_kept(history: History, service: str, what: What) -> datetime | None:
    """From when on nothing was removed; None when nothing ever was. Raises HistoryError."""
    query = select(kept_from.c.minute).join(services, services.c.id == kept_from.c.service_id)
    with reading(history) as connection:
        minute = connection.execute(query.where(services.c.name == service, kept_from.c.what == what)).scalar()
    return None if minute is None else datetime.fromtimestamp(60 * minute, UTC)


def mark_kept(connection: Connection, service: int, what: What, minute: int) -> None:
    """Say, in the transaction that removes, that nothing before a minute may be relied on."""
    mine = (kept_from.c.service_id == service, kept_from.c.what == what)
    before = connection.execute(select(kept_from.c.minute).where(*mine)).scalar()
    if before is None or before < minute:
        put_rows(connection, kept_from, [{"service_id": service, "what": what, "minute": minute}])
