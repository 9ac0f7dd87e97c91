"""Connections and statements of a real PostgreSQL during a load test."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from tasks.database.connection import Server
from tasks.load.generator.database import DatabaseWatch, _slowest
from tasks.load.generator.trace import Window
from tasks.postgres.server import PostgresServer
from tests.fixtures.databases import database


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with database(postgres) as own:
        yield own


def watched(url: str, busy: str = "SELECT 1") -> tuple[DatabaseWatch, Window]:
    watch = DatabaseWatch(Server(url, 5.0, 5), 60.0)
    begin = time.time()
    thread = threading.Thread(target=watch.run)
    thread.start()
    if busy:
        with psycopg.connect(url) as connection:
            connection.execute(busy.encode())
    watch.stop.set()
    thread.join()
    return watch, Window(begin, time.time() + 1)


def test_connections_and_size_are_read_and_a_missing_extension_is_said(url: str) -> None:
    address = url.replace("postgresql+psycopg", "postgresql")
    watch, window = watched(address)
    found = watch.window([window, Window(0.0, 0.0)])
    assert watch.problem is None
    assert found.connections_percent[0] and 0 < found.connections_percent[0] <= 100
    assert found.connections_percent[1] is None
    assert found.size_bytes and found.size_bytes > 1_000_000
    assert found.statements == () and found.no_statements is not None
    assert "pg_stat_statements" in found.no_statements.text


def test_a_database_that_cannot_be_reached_has_a_reason() -> None:
    watch, window = watched("postgresql://nobody@127.0.0.1:9/none", busy="")
    found = watch.window([window])
    assert found.connections_percent == (None,) and found.statements == () and found.size_bytes is None
    assert found.no_statements is not None and "refused the connection" in found.no_statements.text


def test_what_the_test_added_to_the_counters() -> None:
    before = {1: ("SELECT a", 10, 100.0), 2: ("SELECT b", 5, 5.0), 3: ("SELECT c", 50, 70.0)}
    after = {
        1: ("SELECT a", 10, 100.0),  # was not called
        2: ("SELECT\n  b", 25, 45.0),
        3: ("SELECT c", 4, 8.0),  # reset meanwhile
        4: ("SELECT d", 2, 90.0),
    }
    found = [(one.query, one.calls, one.total_ms) for one in _slowest(before, after)]
    assert found == [("SELECT d", 2, 90.0), ("SELECT b", 20, 40.0), ("SELECT c", 4, 8.0)]
