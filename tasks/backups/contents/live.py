"""Reads the live database, through a read-only session."""

from datetime import datetime

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tasks.backups.contents.postgres import read_contents
from tasks.backups.contents.sqlite import read_sqlite_contents
from tasks.backups.contents.wanted import Wanted
from tasks.backups.facts import Contents
from tasks.backups.reasons import NO_LIVE
from tasks.backups.targets import Target
from tasks.check_result import msg
from tasks.database.connection import Server, connected
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved

_STATEMENT_S = 120.0
_CONNECT_S = 10


def read_live(target: Target, until: datetime, exact_rows: int, deadline: Deadline) -> Contents | Unobserved:
    """The contents of the live database, its newest times up to an instant, or why they are unknown."""
    if target.live is None:
        return Unobserved(NO_LIVE)
    try:
        if (file := target.sqlite) is not None:
            return read_sqlite_contents(
                file, Wanted(until, running=True), database=target.name, deadline_s=deadline.require()
            )
        server = Server(target.live, _STATEMENT_S, _CONNECT_S)
        with connected(server, deadline.require()) as connection:
            return read_contents([connection], Wanted(until, exact_rows=exact_rows, running=True))
    except ObservationError as error:
        return Unobserved(error.reason)


def require_other(copy: str, live: str | None) -> None:
    """Raise ObservationError unless a copy is known to be another database than the running one, whatever names lead
    to it. Without a `live` to compare with there is nothing to know.
    """
    if live is None or live.startswith("sqlite:"):
        return
    if _place(copy) == _place(live):
        raise _is_live()
    # If unsure, leave the copy alone: dropping it might drop the live database.
    try:
        theirs = _identity(copy)
    except ObservationError as error:
        raise ObservationError(
            msg("The copy made by copy_command cannot be reached, so it was neither read nor dropped: {why}",
                why=_short(error))
        ) from None  # fmt: skip
    try:
        ours = _identity(live)
    except ObservationError as error:
        raise ObservationError(
            msg("The live database cannot be reached, so the copy might be that database and was neither "
                "read nor dropped: {why}", why=_short(error))
        ) from None  # fmt: skip
    if theirs == ours:
        raise _is_live()


def _is_live() -> ObservationError:
    return ObservationError(msg("The copy has the address of the live database, which a restore drill never touches"))


def _short(error: ObservationError) -> str:
    """Without the advice behind the colon, which is for the address in the service file."""
    return str(error).partition(":")[0]


def _place(dsn: str) -> tuple[str, str, str] | None:
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.Error:  # its text may repeat the password
        return None
    return (str(given.get("host") or ""), str(given.get("port") or "5432"), str(given.get("dbname") or ""))


def _identity(dsn: str) -> tuple[object, ...]:
    """The postmaster and the database, the same for every address of theirs."""
    with connected(Server(dsn, 10.0, _CONNECT_S), 30.0) as connection:
        row = connection.execute(
            "SELECT pg_postmaster_start_time(), oid, datname FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None  # the database that was connected to
    return tuple(row)
