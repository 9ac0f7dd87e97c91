"""Brings the demo's past up to now: log files beside the service's own, figures in the history database."""

from datetime import datetime, timedelta
from pathlib import Path

import psutil
import psycopg

from deployments.demo.events import QUIET, Events, deploys, maintenances, outages
from deployments.demo.faults import SILENT_MODULE
from deployments.demo.figures import LIVE, Sizes, made_up_figures
from deployments.demo.history import Shape, write_history
from tasks.database.judge import SUBJECT as DATABASE
from tasks.history.engine import History
from tasks.history.opened import history_of
from tasks.resources.judge import disk_subject
from tasks.resources.look import HOST
from tasks.samples.store import read_samples, store_readings, synthetic_until
from tasks.settings import Settings, load_settings
from tasks.slo.store_records import Record, store_records

_MINUTE = timedelta(minutes=1)
_DISK = "/"
_BY = "demo"


def bring_history(file: Path, shape: Shape, dsn: str, silent: bool, now: datetime, events: Events = QUIET) -> None:
    """Make what is missing of a demo service's past; its log is taken in by the next round, as any log is.

    With `silent` one module falls silent three hours before `now`. Raises HistoryError.
    """
    settings = load_settings(file)
    bring_log(settings, shape, silent, now, events)
    history = history_of(settings)
    try:
        name = settings.service.name
        _record(history, settings, shape, now, events)
        since = synthetic_until(history, name)
        if since is not None and read_samples(history, name, LIVE, since + _MINUTE, now):
            return  # these weeks were watched: what was measured is not painted over
        instances = [instance.name for instance in settings.targets()]
        if since is not None and not _reaches_back(history, name, shape, now):
            since = None  # made by a version that made fewer weeks
        figures = made_up_figures(shape, instances, _sizes(dsn), since, now, settings.zone, events)
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


def _reaches_back(history: History, name: str, shape: Shape, now: datetime) -> bool:
    """True when the made-up probes begin where they should; a younger `.demo` begins a little later each day."""
    start = now - timedelta(days=shape.days - 2)
    return bool(read_samples(history, name, LIVE, start, start + _MINUTE * 5))


def _sizes(dsn: str) -> Sizes:
    disk = psutil.disk_usage(_DISK)
    with psycopg.connect(dsn, connect_timeout=5) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None  # a function call gives one row
    return Sizes(disk_subject(HOST, _DISK), disk.percent, disk.total, DATABASE, row[0])
