"""The traffic of each day by module: its highest minute, from the counted log lines."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection, insert, select

from tasks.history.engine import History, reading, writing
from tasks.history.kept import read_kept
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.history.upsert import put_rows
from tasks.logs.store.requests import ALL_MODULES, oldest_request, read_requests
from tasks.periods import day_period
from tasks.samples.store.days import day_number, days_to_roll, last_days, minutes_of_day
from tasks.samples.tables import sample_days, sample_series

PEAK: Final = "traffic.peak"
"""Requests/s of minutes that had requests; the highest of a day is its peak."""
SERVICE: Final = "service"
_UNIT = "/s"
_ALL = 0
"""In the place of a series where all modules are rolled up together."""


def module_subject(module: str) -> str:
    """What a module's traffic is called among samples and results."""
    return SERVICE if module == ALL_MODULES else f"module:{module}"


def roll_up_peaks(history: History, service: str, zone: ZoneInfo, now: datetime) -> int:
    """Roll the requests of every module up by whole days that are over; gives how many days were.

    Goes on from the last day that was rolled up, whatever module had requests in it. Raises HistoryError.
    """
    oldest, kept = oldest_request(history, service), read_kept(history, service, "minutes")
    with reading(history) as connection:
        known = last_days(connection, service, list(_series(connection, service).values()))
    rolled = 0
    last = {_ALL: max(known.values())} if known else {}
    for day, _ in days_to_roll({} if oldest is None else {_ALL: oldest}, last, zone, now):
        if kept is None or kept <= day_period(day, zone).start:  # else only late requests of the day are there
            _roll_up(history, service, day, zone)
            rolled += 1
    return rolled


def _roll_up(history: History, service: str, day: date, zone: ZoneInfo) -> None:
    found = read_requests(history, service, *minutes_of_day(day, zone))
    with writing(history) as connection:
        keys = _series(connection, service)
        rows = []
        for module, minutes in found.items():
            subject = module_subject(module)
            key = keys.get(subject) or _new_series(connection, service, subject)
            figures = _figures([requests / 60 for _, requests in minutes])
            rows.append({"series_id": key, "day": day_number(day), **figures})
        put_rows(connection, sample_days, rows)


def _figures(rates: list[float]) -> dict[str, float]:
    """Of the minutes of a day that had requests, oldest first."""
    p95 = float(np.quantile(rates, 0.95, method="inverted_cdf"))
    mean = float(np.mean(rates))
    return {"samples": len(rates), "mean": mean, "p95": p95, "high": max(rates), "last": rates[-1]}


def _series(connection: Connection, service: str) -> dict[str, int]:
    query = select(sample_series.c.subject, sample_series.c.id).join(services)
    mine = query.where(services.c.name == service, sample_series.c.name == PEAK)
    return {row.subject: row.id for row in connection.execute(mine)}


def _new_series(connection: Connection, service: str, subject: str) -> int:
    key = service_id(connection, service)
    # On PostgreSQL, two that come at once would both make it.
    connection.execute(select(services.c.id).where(services.c.id == key).with_for_update(key_share=True))
    if (there := _series(connection, service).get(subject)) is not None:
        return there
    values = {"service_id": key, "name": PEAK, "subject": subject, "unit": _UNIT, "synthetic_until": 0}
    new = insert(sample_series).values(values).returning(sample_series.c.id)
    return int(connection.execute(new).scalar_one())
