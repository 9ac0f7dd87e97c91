"""One read-only connection to the operated service's PostgreSQL, and its errors in words without any address."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.postgres.clock import ClockedConnection

_APPLICATION = "opsrounds"
_CANCEL_S = 5.0
_OWN_LIMITS = ("too many connections for role", "too many connections for database")
_OWN_LIMITS_JA = ("からの接続が多すぎます", "への接続が多すぎます")
_FULL = ("too many clients", "remaining connection slots", "reserved for")
_FULL_JA = ("クライアント数が多すぎます", "接続スロットは")
_REFUSALS = (
    # Text of the server, in the order in which it is looked for: libpq gives a refused connection no SQLSTATE.
    ("password authentication failed", msg("The database refused the password: check the secret with its address")),
    ("no password supplied", msg("The database requires a password: put the whole address into a secret")),
    ("authentication failed", msg("The database refused the login: check the role and pg_hba.conf")),
    ("no pg_hba.conf entry", msg("pg_hba.conf does not allow this role from this host: add an entry for them")),
    ("failed to resolve host", msg("The host name of the database does not resolve: check its address and DNS")),
    ("could not translate host", msg("The host name of the database does not resolve: check its address and DNS")),
    ("unsupported startup parameter", msg("A connection pooler answered: use the address of PostgreSQL itself")),
    ("starting up", msg("The database is starting up")),
    ("shutting down", msg("The database is shutting down")),
    ("in recovery mode", msg("The database is recovering from a crash")),
    ("not permitted to log in", msg("The role may not log in: ALTER ROLE … LOGIN")),
    ("permission denied for database", msg("The role may not connect: GRANT CONNECT ON DATABASE … TO the role")),
    ("certificate", msg("The TLS certificate of the database is not trusted: check sslrootcert in its address")),
    ("SSL", msg("The TLS connection to the database failed: check sslmode in its address")),
    (
        "onnection refused",
        msg("The database refused the connection: check that it is running and that host and port are right"),
    ),
    ("timeout expired", msg("The database did not answer in time")),
)
_DATA_EXCEPTION = "22"
_QUOTED = re.compile(r'".*"', re.DOTALL)


class NoConnectionLeft(ObservationError):
    """The server runs, and has no connection left for another role."""


@dataclass(frozen=True)
class Server:
    """Where the database is and how long it may take; the address is a secret and never shown."""

    url: str = field(repr=False)
    statement_timeout_s: float
    connect_timeout_s: int


@contextmanager
def connected(server: Server, deadline_s: float) -> Iterator[psycopg.Connection]:
    """A read-only connection in autocommit mode, cut after `deadline_s` however the network behaves.

    Raises ObservationError if there is none, NoConnectionLeft if the server is full.
    """
    deadline = Deadline.after(deadline_s)
    try:
        connection = ClockedConnection.connect(_conninfo(server, deadline_s), autocommit=True)
    except psycopg.Error as error:
        raise _refusal(error) from None
    connection.deadline = deadline
    try:
        with connection:
            yield connection
    except psycopg.Error as error:
        raise ObservationError(reason(error, server)) from None


def reason(error: psycopg.Error, server: Server) -> Message:
    """Why a statement gave nothing, in words."""
    match error:
        case psycopg.errors.QueryCanceled():
            seconds = server.statement_timeout_s
            return msg("The database did not answer a query within {seconds} s", seconds=seconds)
        case psycopg.errors.LockNotAvailable():
            return msg("A lock in the database blocked the query")
        case psycopg.errors.InsufficientPrivilege():
            return msg("The role may not read this: {why}", why=_primary(error))
        case psycopg.errors.ReadOnlySqlTransaction():
            return msg("The query tried to write, but only reading is allowed")
    if error.sqlstate is None:
        return msg("The connection to the database was lost")
    return msg("The database refused the query: {why}", why=_primary(error))


def _primary(error: psycopg.Error) -> str:
    text = error.diag.message_primary or type(error).__name__
    # A value that does not fit is quoted, and a name of a person is nothing that a mask finds.
    return external_text(_QUOTED.sub('"…"', text) if (error.sqlstate or "").startswith(_DATA_EXCEPTION) else text)


def _conninfo(server: Server, deadline_s: float) -> str:
    try:
        given = conninfo_to_dict(server.url)
    except psycopg.Error:  # its text may repeat the password
        raise ObservationError(msg("The address of the database is not a PostgreSQL address")) from None
    milliseconds = round(server.statement_timeout_s * 1000)
    options = {
        "default_transaction_read_only": "on",
        "statement_timeout": milliseconds,
        "lock_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds * 2,
    }
    own = " ".join(f"-c {name}={value}" for name, value in options.items())
    return make_conninfo(
        server.url,
        options=f"{given.get('options') or ''} {own}".strip(),
        application_name=_APPLICATION,
        # libpq raises a smaller value to 2 s.
        connect_timeout=max(2, min(server.connect_timeout_s, round(deadline_s))),
    )


def _refusal(error: psycopg.Error) -> ObservationError:
    # The server's own text contains the role, the database and the host: only our words are shown.
    text = str(error)
    if any(part in text for part in (*_OWN_LIMITS, *_OWN_LIMITS_JA)):
        return ObservationError(
            msg("The role or the database has reached its own connection limit: raise CONNECTION LIMIT")
        )
    if any(part in text for part in (*_FULL, *_FULL_JA)):
        return NoConnectionLeft(msg("The database has no connections left"))
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return ObservationError(msg("The database did not answer in time"))
    if 'database "' in text and "does not exist" in text:
        return ObservationError(msg("There is no database with that name: check the address"))
    if 'role "' in text and "does not exist" in text:
        return ObservationError(msg("There is no role with that name: check the address"))
    for part, words in _REFUSALS:
        if part in text:
            return ObservationError(words)
    return ObservationError(
        msg("Connection failed with an unrecognised message: see the server log, or set lc_messages = 'C'")
    )


def interrupt(connection: psycopg.Connection[Any]) -> None:
    """Ends what another thread waits for on a connection: its statement, or the connection if that goes on."""
    try:
        connection.cancel_safe(timeout=_CANCEL_S)
    except psycopg.Error:
        if not connection.closed:
            # A copy: the number may belong to another socket by the time of the shutdown.
            with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)
