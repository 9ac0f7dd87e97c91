"""How far a long piece of work has come, told to whoever holds the round by hand."""

from collections.abc import Callable
from contextvars import ContextVar

Progress = Callable[[str, int, int], None]
progress: ContextVar[Progress | None] = ContextVar("progress", default=None)
"""Told of (what is counted, how many are done, how many there are): bytes of log, bytes of backup, tables."""

LOG, BACKUP, TABLES = "log", "backup", "tables"


def tell(what: str, done: int, of: int) -> None:
    """Say how far the work has come, if anybody listens."""
    if (told := progress.get()) is not None:
        told(what, done, of)
