"""Brings the demo's past up to now: log files beside the service's own, figures in the history database."""

from datetime import datetime, timedelta
from pathlib import Path

import psutil
import psycopg

from deployments.demo.faults import SILENT_MODULE
from deployments.demo.figures import LIVE, Sizes, made_up_figures
from deployments.demo.history import Shape, write_history
from tasks.database.judge import SUBJECT as DATABASE
from tasks.history.opened import history_of
from tasks.resources.judge import disk_subject
from tasks.resources.look import HOST
from tasks.samples.store import read_samples, store_readings, synthetic_until
from tasks.settings import Settings, load_settings

_MINUTE = timedelta(minutes=1)
_DISK = "/"


def bring_history(file: Path, shape: Shape, dsn: str, silent: bool, now: datetime) -> None:
    """Make what is missing of a demo service's past; its log is taken in by the next round, as any log is.

    With `silent` one module falls silent three hours before `now`. Raises HistoryError.
    """
    settings = load_settings(file)
    bring_log(settings, shape, silent, now)
    history = history_of(settings)
    try:
        name = settings.service.name
        since = synthetic_until(history, name)
        if since is not None and read_samples(history, name, LIVE, since + _MINUTE, now):
            return  # these weeks were watched: what was measured is not painted over
        instances = [instance.name for instance in settings.targets()]
        figures = made_up_figures(shape, instances, _sizes(dsn), since, now)
        store_readings(history, name, figures, synthetic=True)
    finally:
        history.dispose()


def bring_log(settings: Settings, shape: Shape, silent: bool, now: datetime) -> None:
    """Make what is missing of the log alone."""
    folder = settings.path.parent / settings.service.name / "history"
    write_history(folder, shape, settings.zone, now, silent=(SILENT_MODULE,) if silent else ())


def _sizes(dsn: str) -> Sizes:
    disk = psutil.disk_usage(_DISK)
    with psycopg.connect(dsn, connect_timeout=5) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None  # a function call gives one row
    return Sizes(disk_subject(HOST, _DISK), disk.percent, disk.total, DATABASE, row[0])
