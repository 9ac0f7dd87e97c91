"""Answers of a restored database: the declared invariants, and the hash chains of the history."""

import math
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

import psycopg

from tasks.backups.contents.sqlite_file import read_sqlite
from tasks.backups.drill.history_copy import chain_problems
from tasks.backups.facts import Answer
from tasks.backups.formats.interface import Copy
from tasks.backups.settings import HISTORY
from tasks.backups.targets import CHAINS, Target
from tasks.backups.tool_words import error_line
from tasks.check_result import msg
from tasks.database.connection import Server, connected
from tasks.deadline import Deadline
from tasks.observation import ObservationError, seen_now

_STATEMENT_S, _CONNECT_S, _GRACE_S = 120.0, 10, 5.0
_QUOTED = re.compile(r"""["'].*["']""", re.DOTALL)
Ask = Callable[[str], float]


def answers_of(copy: Copy, target: Target, deadline: Deadline) -> tuple[Answer, ...]:
    """The number that each statement gives, and how many problems the chains have."""
    answers: list[Answer] = []
    wanted = target.backups.invariants
    try:
        with _asking(copy, deadline) as ask:
            for invariant in wanted:
                answers.append(Answer(invariant.name, seen_now(partial(ask, invariant.sql))))
    except ObservationError:
        gone = seen_now(partial(_gone, deadline))
        answers += [Answer(invariant.name, gone) for invariant in wanted[len(answers) :]]
    if target.name == HISTORY:  # last, since it brings the copy to this program's schema
        answers.append(Answer(CHAINS.name, seen_now(lambda: _chains(copy))))
    return tuple(answers)


def _chains(copy: Copy) -> float:
    found = chain_problems("sqlite:///copy.db", copy.file.parent) if copy.file else chain_problems(copy.url)
    return float(len(found.problems))


@contextmanager
def _asking(copy: Copy, deadline: Deadline) -> Iterator[Ask]:
    """Gives the number of one statement that only reads, each in a transaction of its own."""
    if copy.file is not None:
        yield partial(_asked_sqlite, copy.file, deadline)
        return
    # The server ends a statement at the deadline; the line is cut for one that does not.
    with connected(Server(copy.dsn, _STATEMENT_S, _CONNECT_S), deadline.require() + _GRACE_S) as session:
        session.read_only = True
        yield partial(_asked_postgres, session, deadline)


def _gone(deadline: Deadline) -> float:
    deadline.require()
    raise ObservationError(msg("The restored database does not answer"))


def _asked_postgres(session: psycopg.Connection, deadline: Deadline, sql: str) -> float:
    limit_s = min(_STATEMENT_S, deadline.require())
    try:
        with session.transaction():
            session.execute(f"SET LOCAL statement_timeout = {math.ceil(limit_s * 1000)}".encode())
            # Prepared, it can only be one: a second one could begin a transaction that writes.
            return _number(session.execute(sql.encode(), prepare=True).fetchone())
    except psycopg.errors.QueryCanceled:
        raise _too_long(limit_s) from None
    except psycopg.Error as error:
        own = "RAISE" not in (error.diag.context or "")  # otherwise it is the message of a function of theirs
        words = (error.diag.message_primary or str(error)) if own else type(error).__name__
        raise _failed_statement(words, sql) from None


def _asked_sqlite(file: Path, deadline: Deadline, sql: str) -> float:
    limit_s = min(_STATEMENT_S, deadline.require())
    try:
        return read_sqlite(file, lambda connection: _number(connection.execute(sql).fetchone()), limit_s)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise _too_long(limit_s) from None
        raise _failed_statement(str(error), sql) from None


def _too_long(limit_s: float) -> ObservationError:
    return ObservationError(msg("The SQL statement did not finish within {seconds} s", seconds=round(limit_s, 1)))


def _failed_statement(words: str, sql: str) -> ObservationError:
    """Without quoted parts, unless they are from the statement itself: they may be values of rows."""
    text = error_line(f"ERROR: {words}")
    quoted = _QUOTED.search(text)
    if quoted is not None and quoted[0][1:-1].lower() not in sql.lower():
        text = text[: quoted.start()] + "…" + text[quoted.end() :]
    return ObservationError(msg("The SQL statement failed: {why}", why=text))


def _number(row: tuple[object, ...] | None) -> float:
    value = row[0] if row else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ObservationError(msg("The SQL statement does not return a number"))
    return float(value)
