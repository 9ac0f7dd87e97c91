"""How far the reading of a log has come, told to whoever holds the round by hand."""

from collections.abc import Callable
from contextvars import ContextVar

Progress = Callable[[int, int], None]
progress: ContextVar[Progress | None] = ContextVar("log_progress", default=None)
"""Told of (bytes read, bytes there were to read) while files are read."""
