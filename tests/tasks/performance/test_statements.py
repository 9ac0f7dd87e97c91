"""pg_stat_statements as it is missing, forbidden, unloaded or there: its views are tables of the same columns here."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.rows import dict_row

from tasks.database.connection import Server
from tasks.observation import Absent, ObservationError
from tasks.performance.facts import StatementTotal
from tasks.performance.statements import MOST_STATEMENTS, read_statements, totals_in
from tasks.postgres.server import PostgresServer

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SCHEMA = 'stats "of" all'


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    """A transaction that is rolled back, with a schema of the extension's views."""
    with psycopg.connect(postgres.dsn, row_factory=dict_row) as connection:  # type: ignore[arg-type]
        connection.execute('CREATE SCHEMA "stats ""of"" all"')
        connection.execute('SET LOCAL search_path = "stats ""of"" all"')
        connection.execute(
            "CREATE TABLE pg_stat_statements (dbid oid, userid oid, toplevel bool, queryid int8, query text,"
            " calls int8, total_exec_time float8)"
        )
        yield connection
        connection.rollback()


def put(connection: psycopg.Connection, *rows: tuple[int | None, str, int, float, bool, bool]) -> None:
    for query, text, calls, ms, top, ours in rows:
        connection.execute(
            "INSERT INTO pg_stat_statements SELECT CASE WHEN %s THEN oid ELSE 0 END, 10, %s, %s, %s, %s, %s"
            " FROM pg_database WHERE datname = current_database()",
            (ours, top, query, text, calls, ms),
        )


def cursor(connection: psycopg.Connection) -> psycopg.Cursor[dict[str, object]]:
    return connection.cursor(row_factory=dict_row)


def test_the_database_s_own_top_statements(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE pg_stat_statements_info AS SELECT 0::int8 AS dealloc, now() AS stats_reset")
    put(
        connection,
        (1, "SELECT  *\n FROM users WHERE mail = 'anna@example.com'", 4, 100.0, True, True),
        (1, "SELECT  *\n FROM users WHERE mail = 'anna@example.com'", 6, 100.0, True, True),
        (2, "SELECT 2", 1, 50.0, True, True),
        (3, "inner", 1, 900.0, False, True),
        (4, "elsewhere", 1, 900.0, True, False),
        *((10 + n, "x" * 5000, 1, 0.001, True, True) for n in range(MOST_STATEMENTS)),
    )
    seen = totals_in(cursor(connection), SCHEMA, NOW)
    assert seen.statements[1] == StatementTotal(10, 200.0) and len(seen.statements) == MOST_STATEMENTS
    assert seen.queries[1] == "SELECT * FROM users WHERE mail = '…'"
    assert max(len(query) for query in seen.queries.values()) == 120
    assert seen.total_ms == pytest.approx(250 + 0.001 * MOST_STATEMENTS)
    assert seen.reset_at.tzinfo is not None


def test_an_old_extension(connection: psycopg.Connection) -> None:
    with pytest.raises(ObservationError, match=r"older than 1\.9"):
        totals_in(cursor(connection), SCHEMA, NOW)


def test_no_time_of_the_reset(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE pg_stat_statements_info AS SELECT NULL::timestamptz AS stats_reset")
    with pytest.raises(ObservationError, match="since when"):
        totals_in(cursor(connection), SCHEMA, NOW)


def test_where_the_extension_is_missing_the_report_says_how_to_enable_it(postgres: PostgresServer) -> None:
    found = read_statements.fn(Server(postgres.dsn, 5.0, 5), NOW)
    assert isinstance(found, Absent) and "CREATE EXTENSION" in found.reason.text


def test_an_address_without_a_server_is_not_read() -> None:
    with pytest.raises(ObservationError):
        read_statements.fn(Server("postgresql://nobody@127.0.0.1:9/none", 1.0, 2), NOW)
