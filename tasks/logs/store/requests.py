"""How many requests each module had, minute by minute."""

from sqlalchemy import func, select

from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.logs.tables import traffic_minutes, traffic_series

ALL_MODULES = ""
"""Under which the requests of all modules together stand."""


def read_requests(history: History, service: str, first: int, end: int) -> dict[str, list[tuple[int, int]]]:
    """By module, each minute from `first` to before `end` that had requests, with their number, oldest first.

    Raises HistoryError.
    """
    c = traffic_minutes.c
    query = (
        select(traffic_series.c.module, c.minute, func.sum(c.valid))
        .join(traffic_series, traffic_series.c.id == c.series_id)
        .join(services, services.c.id == traffic_series.c.service_id)
        .where(services.c.name == service, c.minute >= first, c.minute < end, c.valid > 0)
        .group_by(traffic_series.c.module, c.minute)
        .order_by(c.minute)
    )
    found: dict[str, list[tuple[int, int]]] = {}
    everything: dict[int, int] = {}
    with reading(history) as connection:
        for module, minute, valid in connection.execute(query):
            found.setdefault(module, []).append((minute, int(valid)))
            everything[minute] = everything.get(minute, 0) + int(valid)
    return found | ({ALL_MODULES: list(everything.items())} if everything else {})


def oldest_request(history: History, service: str) -> int | None:
    """The first minute of which requests are known; None when of none. Raises HistoryError."""
    oldest = select(func.min(traffic_minutes.c.minute)).where(traffic_minutes.c.series_id == traffic_series.c.id)
    query = select(oldest.scalar_subquery()).select_from(traffic_series)
    mine = query.join(services, services.c.id == traffic_series.c.service_id).where(services.c.name == service)
    with reading(history) as connection:
        found = [minute for (minute,) in connection.execute(mine) if minute is not None]
    return min(found, default=None)
