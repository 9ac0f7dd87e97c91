"""The history database: SQLite or PostgreSQL, opened with the same guarantees."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, DateTime, Dialect, Engine, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.types import TypeDecorator

from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.files import PRIVATE, narrow, new_file
from tasks.postgres.clock import ClockedConnection

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

History = Engine
"""An opened history database."""

_log = logging.getLogger(__name__)
_WAIT_S = 30
_POLL_S = 0.02
_GRACE_S = 2.0  # for the server's own error to arrive
_SILENT = "see whether its server is stopped or overloaded, or the network drops packets, then run again"


class HistoryError(ExplainedError):
    """The history database cannot be used; the text says which, why, and what to do."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant in UTC; a naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"a time without zone cannot be stored: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def open_history(url: str, folder: Path) -> Engine:
    """An engine for a history address; a relative SQLite file starts from `folder` (the service file's).

    What the address itself sets (`?timeout=5`, `?connect_timeout=3`) goes before the values here. A PostgreSQL server
    that is silent for its statement_timeout and a little more is no longer waited for, whatever holds it up.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        file = folder / (address.database or "opsrounds.db")
        engine = create_engine(address.set(database=str(file)), connect_args=_unless_given(address, timeout=_WAIT_S))
        event.listen(engine, "do_connect", _keep_private)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    milliseconds = _WAIT_S * 1000
    options = f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} -c timezone=UTC"
    arguments = _unless_given(address, connect_timeout=10, application_name="opsrounds")
    arguments["options"] = f"{options} {_given_options(address)}".strip()
    engine = create_engine(address.set(drivername="postgresql+psycopg"), connect_args=arguments, pool_pre_ping=True)
    event.listen(engine, "do_connect", _connect_clocked)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds SQLite's write lock from its start; raises HistoryError if it cannot be had."""
    with (
        _explained(engine),
        engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view; raises HistoryError if the database cannot be read."""
    with _explained(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":  # its default lets each statement see another moment
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def is_missing(engine: Engine) -> bool:
    """True for an SQLite file that is not there; opening it would make it."""
    file = engine.url.database
    return engine.dialect.name == "sqlite" and file is not None and not Path(file).exists()


def shown_url(engine: Engine) -> str:
    """The database's address without its password and its parameters, which may hold one."""
    return engine.url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        raise HistoryError(f"history database {shown_url(engine)}: {reason}; {_advice(reason)}") from None
    except PoolTimeoutError:
        reason = "every connection of this process is waiting for an answer"
        raise HistoryError(f"history database {shown_url(engine)}: {reason}; {_SILENT}") from None


def _unless_given(address: URL, **defaults: Any) -> dict[str, Any]:
    return {name: value for name, value in defaults.items() if name not in address.query}


def _given_options(address: URL) -> str:
    given = address.query.get("options", "")
    return given if isinstance(given, str) else " ".join(given)


def _connect_clocked(_dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
    connection = ClockedConnection[Any].connect(*arguments, **named)
    connection.silence_s = _WAIT_S + _GRACE_S
    try:
        row = connection.execute("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'").fetchone()
        connection.rollback()
    except BaseException:
        connection.close()
        raise
    if row is not None and (milliseconds := int(row[0])):  # 0: the server has no limit
        connection.silence_s = milliseconds / 1000 + _GRACE_S
    return connection


def _advice(reason: str) -> str:
    text = reason.lower()
    if "readonly" in text or "read-only" in text or "permission" in text:
        return "give this user write access to it"
    if "unable to open" in text:
        return "check that its folder exists and may be written"
    if (
        "locked" in text
        or "locking protocol" in text
        or "due to lock timeout" in text
        or "due to statement timeout" in text
    ):
        return "another process holds it; look for a long transaction and run again"
    if "server has been silent" in text:
        return _SILENT
    if "full" in text or "no space" in text:
        return "free space on its disk"
    if "i/o error" in text:  # SQLite says so too where it finds no room for the file beside its database
        return "its disk is full or damaged: free space on it, and see the kernel's log"
    if "malformed" in text or "not a database" in text:
        return "restore it from a backup"
    return "check that it is reachable and that [history] url is right"


def _keep_private(_dialect: Any, _record: Any, arguments: list[Any], _named: dict[str, Any]) -> None:
    """An SQLite file that this account alone may read, made if need be; the files beside it get its mode."""
    file = Path(arguments[0])
    with suppress(OSError):  # such as a folder that is not there: SQLite says what it cannot do
        with suppress(FileExistsError), new_file(file, mode=PRIVATE, over=False, durable=False):
            pass
        for place in (file, *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))):
            if place.exists() and (before := narrow(place)) is not None:
                _log.warning("%s was open to other accounts (mode %04o): it is this account's alone now", place, before)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    _write_ahead(cursor)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    # Of two that open a new file at once, SQLite refuses one this change without any waiting.
    deadline = Deadline.after(cursor.execute("PRAGMA busy_timeout").fetchone()[0] / 1000)
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or deadline.passed:
                raise
        time.sleep(_POLL_S)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
