"""The tested environment's PostgreSQL during a load test: used connections, and the slowest statements."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from tasks.check_result import Message, msg
from tasks.database.connection import Server, connected, reason
from tasks.load.facts import DatabaseWindow, Statement
from tasks.load.generator.trace import Window
from tasks.observation import ObservationError
from tasks.outside import external_sql

_EVERY_S = 2.0
_MOST_STATEMENTS = 10
_QUERY_CHARS = 300
_CONNECTIONS = """
SELECT 100.0 * count(*) / current_setting('max_connections')::int
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""
_EXTENSION = """
SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""
_STATEMENTS = """
SELECT s.queryid, min(s.query), sum(s.calls)::bigint, sum(s.total_exec_time)::float8
FROM {}.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.queryid IS NOT NULL GROUP BY s.queryid
"""
_NONE = msg("The extension pg_stat_statements is not installed in this database")
Counted = dict[int, tuple[str, int, float]]


@dataclass(slots=True)
class DatabaseWatch:
    """Reads over one connection, in a thread of its own, from `run` until `stop` is set."""

    server: Server
    longest_s: float
    stop: threading.Event = field(default_factory=threading.Event)
    problem: Message | None = None
    _samples: list[tuple[float, float]] = field(default_factory=list)
    _before: Counted | Message = field(default_factory=lambda: _NONE)
    _after: Counted | Message = field(default_factory=lambda: _NONE)
    _size: int | None = None

    def run(self) -> None:
        """Returns when it is stopped, or when the database cannot be read any more: then `problem` says why."""
        try:
            with connected(self.server, self.longest_s) as connection:
                self._before = _statements(connection, self.server)
                while True:
                    percent = connection.execute(_CONNECTIONS).fetchone()
                    if percent is not None:
                        self._samples.append((time.time(), float(percent[0])))
                    if self.stop.wait(_EVERY_S):
                        break
                self._after = _statements(connection, self.server)
                size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
                self._size = None if size is None else int(size[0])
        except ObservationError as error:
            self.problem = error.reason

    def window(self, windows: Sequence[Window]) -> DatabaseWindow:
        """What was seen, step by step; why nothing was seen stands where its statements would."""
        highest = tuple(
            max((percent for at, percent in self._samples if window.start <= at < window.end), default=None)
            for window in windows
        )
        before, after = self._before, self._after
        if self.problem is not None or isinstance(after, Message) or isinstance(before, Message):
            why = self.problem or next((part for part in (before, after) if isinstance(part, Message)), None)
            return DatabaseWindow(highest, (), why, self._size)
        return DatabaseWindow(highest, _slowest(before, after), None, self._size)


def _statements(connection: psycopg.Connection, server: Server) -> Counted | Message:
    try:
        there = connection.execute(_EXTENSION).fetchone()
        if there is None:
            return _NONE
        rows = connection.execute(sql.SQL(_STATEMENTS).format(sql.Identifier(there[0]))).fetchall()
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise
        return reason(error, server)
    return {int(number): (str(query), int(calls), float(total)) for number, query, calls, total in rows}


def _slowest(before: Counted, after: Counted) -> tuple[Statement, ...]:
    """What was added to each statement's counters; those of a reset count from 0."""
    found = []
    for number, (query, calls, total) in after.items():
        _, earlier, spent = before.get(number, ("", 0, 0.0))
        if calls < earlier:
            earlier, spent = 0, 0.0
        if calls > earlier:
            text = external_sql(query, _QUERY_CHARS)
            found.append(Statement(text, calls - earlier, round(max(total - spent, 0.0), 3)))
    return tuple(sorted(found, key=lambda one: -one.total_ms)[:_MOST_STATEMENTS])
