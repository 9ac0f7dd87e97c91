"""Looks at the operated service's PostgreSQL through one read-only connection."""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import psycopg
from prefect import task
from prefect.cache_policies import NO_CACHE
from psycopg.rows import dict_row

from tasks.check_result import msg
from tasks.database import queries
from tasks.database.connection import NoConnectionLeft, Server, connected, reason
from tasks.database.facts import DatabaseFacts, Exhausted
from tasks.observation import ObservationError, Unobserved, shown

Fact = TypeVar("Fact")
_LONGEST_S = 600.0
_OLDEST_VERSION = 140000


# No timeout on these decorators: Prefect cannot end a thread, and says so at every run. `connected` cuts the line.


@task(task_run_name="read-database", retries=0, cache_policy=NO_CACHE, persist_result=False)
def read_database(server: Server) -> DatabaseFacts:
    """Everything the checks of the database ask for; what one query cannot see leaves the others alone.

    Raises ObservationError if there is no connection, or the server is older than PostgreSQL 14.
    """
    try:
        with connected(server, _deadline_s(server, statements=12)) as connection:
            return _facts(connection, server)
    except NoConnectionLeft as error:
        blind = Unobserved(error.reason)
        return DatabaseFacts(Exhausted(), blind, blind, blind, blind, blind, blind, blind)


@task(task_run_name="read-numbers", retries=0, cache_policy=NO_CACHE, persist_result=False)
def read_numbers(server: Server, statements: Mapping[str, str]) -> Mapping[str, float | Unobserved]:
    """The one number that each statement gives, by the statement's name.

    Raises ObservationError if there is no connection.
    """
    numbers: dict[str, float | Unobserved] = {}
    with connected(server, _deadline_s(server, statements=len(statements))) as connection:
        connection.autocommit = False
        for name, sql in statements.items():
            try:
                numbers[name] = _number(connection, sql)
            except ObservationError as error:
                numbers[name] = Unobserved(error.reason)
            except psycopg.Error as error:
                numbers[name] = Unobserved(reason(error, server))
    return numbers


def _deadline_s(server: Server, statements: int) -> float:
    return min(_LONGEST_S, (statements + 1) * server.statement_timeout_s + 1)


def _number(connection: psycopg.Connection, sql: str) -> float:
    """The one value of a statement, in a transaction of its own: the rollback also undoes what it may have set."""
    if connection.closed:
        raise ObservationError(msg("The connection to the database broke"))
    try:
        # Prepared: the protocol then refuses a second statement behind the first, which could allow writing.
        cursor = connection.execute(sql.encode(), prepare=True)
        rows = cursor.fetchmany(2) if cursor.description else []
    finally:
        if not connection.closed:
            connection.rollback()
    if len(rows) != 1:
        raise ObservationError(
            msg("The query gives no row, not one number") if not rows else msg("The query gives more than one row")
        )
    if len(rows[0]) != 1:
        raise ObservationError(msg("The query gives {n} columns, not one number", n=len(rows[0])))
    return _as_number(rows[0][0])


def _as_number(value: Any) -> float:
    if value is None:
        raise ObservationError(msg("The query gives NULL, not a number"))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ObservationError(msg("The query gives {value}, not a number", value=shown(str(value), 60)))
    if not math.isfinite(value):
        raise ObservationError(msg("The query gives {value}, not a number", value=str(value)))
    return float(value)


def _facts(connection: psycopg.Connection, server: Server) -> DatabaseFacts:
    about = queries.about(connection.cursor(row_factory=dict_row))
    if about.version < _OLDEST_VERSION:
        raise ObservationError(msg("PostgreSQL is older than version 14, which opsrounds cannot read"))

    def part(read: Callable[[queries.Cursor, queries.About], Fact]) -> Fact | Unobserved:
        if connection.closed:
            return Unobserved(msg("The connection to the database broke"))
        try:
            return read(connection.cursor(row_factory=dict_row), about)
        except ObservationError as error:
            return Unobserved(error.reason)
        except psycopg.Error as error:
            return Unobserved(reason(error, server))

    return DatabaseFacts(
        connections=part(queries.connections),
        transactions=part(queries.transactions),
        locks=part(queries.locks),
        wraparound=part(queries.wraparound),
        replication=part(queries.replication),
        vacuum=part(queries.vacuum),
        cache=part(queries.cache),
        size=part(queries.size),
    )
