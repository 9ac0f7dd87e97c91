"""The history database of a service, ready to use."""

from sqlalchemy import Engine

from tasks.configuration import ConfigurationError
from tasks.history.engine import open_history
from tasks.history.migrate import require_current
from tasks.history.settings import check_history_url
from tasks.secrets import resolve
from tasks.settings import Settings


def open_history_of(settings: Settings) -> Engine:
    """The database as configured, whatever its schema; raises ConfigurationError."""
    url = resolve(settings.history.url, settings, "history.url")
    try:
        check_history_url(url)
    except ValueError as error:
        raise ConfigurationError(settings.path, [f"history.url: {error}"]) from None
    return open_history(url, settings.path.parent)


def history_of(settings: Settings) -> Engine:
    """The database with this program's schema; raises HistoryError if it is older, newer or out of reach."""
    engine = open_history_of(settings)
    require_current(engine)
    return engine
