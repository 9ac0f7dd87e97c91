"""Brings the demo's past up to now: log files beside the service's own, figures in the history database."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import psycopg

from deployments.demo.faults import SILENT_MODULE, Fault
from deployments.demo.past.events import QUIET, Events, deploys, maintenances, outages
from deployments.demo.past.figures import LIVE, UPLOADS, Sizes, made_up_figures
from deployments.demo.past.history import Shape, write_history
from deployments.demo.past.incidents import bring_incidents
from deployments.demo.past.scans import bring_scans
from tasks.database.judge import SUBJECT as DATABASE
from tasks.history.engine import History
from tasks.history.opened import history_of
from tasks.records.store.records import Record, store_records
from tasks.resources.judge import disk_subject
from tasks.resources.look import HOST
from tasks.samples.store.minutes import newest_sample, oldest_sample, store_readings
from tasks.settings import Settings, load_settings

_MINUTE = timedelta(minutes=1)
_DISK = "/"
_MOST_USED = 60.0
_BY = "demo"


def events_of(faults: Iterable[Fault]) -> Events:
    """What faults make of the demo's past."""
    planted = frozenset(faults)
    return Events(
        outages=Fault.OUTAGE in planted,
        few_deploys=Fault.FEW_DEPLOYS in planted,
        leaking_disk=Fault.LEAKING_DISK in planted,
    )


def generate_history(file: Path, shape: Shape, dsn: str, silent: bool, now: datetime, events: Events = QUIET) -> None:
    """Make what is missing of a demo service's past; its log is taken in by the next round, as any log is.

    With `silent` one module falls silent three hours before `now`. Raises HistoryError.
    """
    settings = load_settings(file)
    bring_log(settings, shape, silent, now, events)
    history = history_of(settings)
    try:
        name = settings.service.name
        _record(history, settings, shape, now, events)
        since = newest_sample(history, name, LIVE)  # made up or measured: neither is painted over
        instances = [instance.name for instance in settings.targets()]
        sizes = _sizes(dsn)
        bring_scans(history, name, now, shape.days)
        for first, end in _missing(history, name, shape, since, now):
            figures = made_up_figures(shape, instances, sizes, first, end, settings.zone, events)
            store_readings(history, name, figures, synthetic=True)
    finally:
        history.dispose()


def bring_log(settings: Settings, shape: Shape, silent: bool, now: datetime, events: Events = QUIET) -> None:
    """Make what is missing of the log alone."""
    folder = settings.path.parent / settings.service.name / "history"
    silenced = (SILENT_MODULE,) if silent else ()
    write_history(folder, shape, settings.zone, now, silent=silenced, events=events)


def _record(history: History, settings: Settings, shape: Shape, now: datetime, events: Events) -> None:
    """What people would have recorded."""
    name, zone = settings.service.name, settings.zone
    first = (now - timedelta(days=shape.days)).astimezone(zone).date()
    records: tuple[Record, ...] = (
        *deploys(first, zone, events, now),
        *outages(first, zone, events, now),
        *maintenances(first, zone, now),
    )
    store_records(history, name, records, _BY, now)
    bring_incidents(history, name, first, zone, events, now)


def _missing(
    history: History, name: str, shape: Shape, since: datetime | None, now: datetime
) -> Iterator[tuple[datetime | None, datetime]]:
    """The times that figures are missing of: after the newest one, and before the oldest if fewer weeks were made."""
    oldest = oldest_sample(history, name, LIVE)
    wanted = now - timedelta(days=shape.days)
    if oldest is not None and oldest > wanted + timedelta(days=1):
        yield wanted - _MINUTE, oldest
    yield since, now


def _sizes(dsn: str) -> Sizes:
    disk = psutil.disk_usage(_DISK)
    with psycopg.connect(dsn, connect_timeout=5) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None  # a function call gives one row
    root, uploads = (disk_subject(HOST, place) for place in (_DISK, UPLOADS))
    # On a fuller disk the growth of weeks would be a finding that nobody planted.
    return Sizes(root, uploads, min(disk.percent, _MOST_USED), disk.total, DATABASE, row[0])
