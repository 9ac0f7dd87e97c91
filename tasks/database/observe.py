"""Looks at the operated service's PostgreSQL through one read-only connection."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import dict_row

from tasks.check_result import Message, msg
from tasks.database import queries
from tasks.database.connection import NoConnectionLeft, Server, connected, reason
from tasks.database.facts import DatabaseFacts, Exhausted
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved
from tasks.outside import external_text
from tasks.visible import look

Fact = TypeVar("Fact")
Number = float | Unobserved
LONGEST_S: Final = 220.0
"""One look, login and all statements together."""

_STATEMENTS = 12
_OLDEST_VERSION = 140000


# No timeout on the decorator: Prefect cannot end a thread, and says so at every run. `connected` cuts the line.


@look("read-database")
def read_database(
    server: Server, statements: Mapping[str, str] = MappingProxyType({}), longest_s: float = LONGEST_S
) -> DatabaseFacts:
    """Everything the checks of the database ask for, and the one number that each statement gives, by its name.

    One connection for all, which is cut after `longest_s`; what one query cannot see leaves the others alone. Raises
    ObservationError if there is no connection.
    """
    needed_s = server.connect_timeout_s + (_STATEMENTS + len(statements) + 1) * server.statement_timeout_s + 1
    most_s = min(longest_s, needed_s)
    late = msg("Reading the database took more than {seconds} s in total", seconds=round(most_s, 1))
    deadline = Deadline.after(most_s, late)
    try:
        with connected(server, most_s) as connection:
            look = _Look(connection, server, deadline)
            return replace(_facts(look), numbers={name: _number(look, sql) for name, sql in statements.items()})
    except NoConnectionLeft as error:
        blind = Unobserved(error.reason)
        return replace(_all_unobserved(error.reason), connections=Exhausted(), numbers=dict.fromkeys(statements, blind))


@dataclass(frozen=True)
class _Look:
    connection: psycopg.Connection
    server: Server
    deadline: Deadline

    def seen(self, read: Callable[[], Fact]) -> Fact | Unobserved:
        """What a question gives, or why it gives nothing."""
        if self.connection.closed:
            return Unobserved(self._broken())
        try:
            return read()
        except ObservationError as error:
            return Unobserved(error.reason)
        except psycopg.Error as error:
            return Unobserved(self._broken() if error.sqlstate is None else reason(error, self.server))

    def _broken(self) -> Message:
        return self.deadline.reason if self.deadline.passed else msg("The connection to the database was lost")


def _number(look: _Look, sql: str) -> Number:
    return look.seen(lambda: _one_value(look.connection, sql))


def _one_value(connection: psycopg.Connection, sql: str) -> float:
    """The one value of a statement, in a transaction of its own: the rollback also undoes what it may have set."""
    connection.autocommit = False
    try:
        # Prepared: the protocol then refuses a second statement behind the first, which could allow writing.
        cursor = connection.execute(sql.encode(), prepare=True)
        rows = cursor.fetchmany(2) if cursor.description else []
    finally:
        if not connection.closed:
            connection.rollback()
    if len(rows) != 1:
        raise ObservationError(
            msg("The query returned no row: one number is needed")
            if not rows
            else msg("The query returned more than one row")
        )
    if len(rows[0]) != 1:
        raise ObservationError(msg("The query returned {n} columns: one number is needed", n=len(rows[0])))
    return _as_number(rows[0][0])


def _as_number(value: Any) -> float:
    if value is None:
        raise ObservationError(msg("The query returned NULL, not a number"))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ObservationError(msg("The query returned {value}, not a number", value=external_text(str(value), 60)))
    if not math.isfinite(value):
        raise ObservationError(msg("The query returned {value}, not a number", value=str(value)))
    return float(value)


def _facts(look: _Look) -> DatabaseFacts:
    about = look.seen(lambda: queries.about(look.connection.cursor(row_factory=dict_row)))
    if isinstance(about, Unobserved):
        return _all_unobserved(about.reason)
    if about.version < _OLDEST_VERSION:
        return _all_unobserved(msg("PostgreSQL is older than version 14, the oldest that opsrounds supports"))

    def part(read: Callable[[queries.Cursor, queries.About], Fact]) -> Fact | Unobserved:
        return look.seen(lambda: read(look.connection.cursor(row_factory=dict_row), about))

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


def _all_unobserved(why: Message) -> DatabaseFacts:
    blind = Unobserved(why)
    return DatabaseFacts(blind, blind, blind, blind, blind, blind, blind, blind)
