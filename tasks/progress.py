"""How far a long piece of work has come, shown to whoever runs the round by hand."""

from collections.abc import Callable
from contextvars import ContextVar

Progress = Callable[[str, int, int, str], None]
progress: ContextVar[Progress | None] = ContextVar("progress", default=None)
"""Called with (what is counted, how many are done, how many there are, figures to show beside it): bytes of log, bytes
of backup, tables, seconds of a load test, days of a replay."""

LOG, BACKUP, TABLES, LOAD, DAYS = "log", "backup", "tables", "load", "days"


def tell(what: str, done: int, of: int, figures: str = "") -> None:
    """Report how far the work has come, if anybody listens."""
    if (report := progress.get()) is not None:
        report(what, done, of, figures)
