"""How far a long piece of work has come, shown to whoever runs the round by hand."""

from collections.abc import Callable
from contextvars import ContextVar

Progress = Callable[[str, int, int], None]
progress: ContextVar[Progress | None] = ContextVar("progress", default=None)
"""Called with (what is counted, how many are done, how many there are): bytes of log, bytes of backup, tables."""

LOG, BACKUP, TABLES = "log", "backup", "tables"


def tell(what: str, done: int, of: int) -> None:
    """Report how far the work has come, if anybody listens."""
    if (report := progress.get()) is not None:
        report(what, done, of)
