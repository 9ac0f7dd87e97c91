"""The planted fault in the database: connections that somebody opened and forgot."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg

_APPLICATION = "kondate-export"
_LEFT = 4
"""Connections left for the look at the database, which needs two at once; the service has the reserved ones too."""


@contextmanager
def full_pool(dsn: str) -> Iterator[None]:
    """Hold connections to a server until only a few are left for ordinary roles; they are closed at the end."""
    with ExitStack() as stack:
        first = stack.enter_context(_connect(dsn))
        while _left(first) > _LEFT:
            stack.enter_context(_connect(dsn))
        yield


def _connect(dsn: str) -> "psycopg.Connection[tuple[int]]":
    return psycopg.connect(dsn, autocommit=True, application_name=_APPLICATION, connect_timeout=5)


def _left(connection: "psycopg.Connection[tuple[int]]") -> int:
    row = connection.execute(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        " - count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'"
    ).fetchone()
    assert row is not None  # an aggregate gives one row
    return row[0]
