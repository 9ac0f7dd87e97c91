"""What a restored copy is asked: the team's own invariants, the chains of the history, and the service's smoke test."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

import psycopg

from tasks.backups.commands import command_environment
from tasks.backups.deadline import Deadline
from tasks.backups.facts import Answer, Smoke
from tasks.backups.history_copy import chain_problems
from tasks.backups.restore_postgres import Copy
from tasks.backups.settings import HISTORY, BackedUp, Invariant
from tasks.backups.targets import Target
from tasks.backups.tool_words import error_line
from tasks.check_result import Message, msg
from tasks.observation import ObservationError, Unobserved, seen_now
from tasks.outside import said
from tasks.processes import run

CHAINS = Invariant(name="hash-chains", sql="-", max=0)
"""Of the history database: nothing was changed, removed or added by hand."""

_STATEMENT_MS = 120_000
Ask = Callable[[str], float]


def invariants_of(target: Target) -> tuple[Invariant, ...]:
    """What is asked of a restored copy."""
    own = (CHAINS,) if target.name == HISTORY else ()
    return (*target.backups.invariants, *own)


def answers_of(copy: Copy, target: Target, deadline: Deadline) -> tuple[Answer, ...]:
    """The number that each statement gives, and how many problems the chains have."""
    answers = []
    try:
        with _asking(copy) as ask:
            for invariant in target.backups.invariants:
                answers.append(Answer(invariant.name, seen_now(partial(_asked, ask, invariant.sql, deadline))))
    except psycopg.OperationalError:
        gone = Unobserved(msg("The restored copy does not answer"))
        answers = [Answer(invariant.name, gone) for invariant in target.backups.invariants]
    if target.name == HISTORY:  # last, since it brings the copy to this program's schema
        answers.append(Answer(CHAINS.name, seen_now(lambda: _chains(copy))))
    return tuple(answers)


def smoke_of(copy: Copy, backups: BackedUp, folder: Path, deadline: Deadline) -> Smoke | Unobserved | None:
    """How the service's own smoke test ended on the copy; None if none is set."""
    if backups.smoke is None:
        return None
    began = time.monotonic()
    environment = command_environment(DATABASE_URL=copy.url)
    try:
        limit_s = min(backups.smoke_timeout_s, deadline.left_s())
        ran = run(backups.smoke, deadline_s=limit_s, env=environment, cwd=folder)
    except FileNotFoundError:
        return Unobserved(msg("The command of smoke is not on this machine: {name}", name=said(backups.smoke[0])))
    except ObservationError as error:
        return Unobserved(error.reason)
    took = round(time.monotonic() - began, 3)
    if ran.timed_out:
        return Smoke(False, msg("The smoke test did not end within {seconds} s", seconds=round(limit_s)), took)
    if ran.returncode == 0:
        return Smoke(True, msg("The smoke test passed"), took)
    why = error_line((ran.stderr or ran.stdout).decode("utf-8", "replace"))
    return Smoke(False, _failed(ran.returncode, why), took)


def _failed(status: int, why: str) -> Message:
    return msg("The smoke test ended with exit status {status}: {why}", status=status, why=why)


def _chains(copy: Copy) -> float:
    found = chain_problems("sqlite:///copy.db", copy.file.parent) if copy.file else chain_problems(copy.url)
    return float(len(found.problems))


def _asked(ask: Ask, sql: str, deadline: Deadline) -> float:
    deadline.left_s()
    try:
        return ask(sql)
    except (psycopg.Error, sqlite3.Error) as error:
        words = error.diag.message_primary if isinstance(error, psycopg.Error) else str(error)
        raise ObservationError(msg("The statement failed: {why}", why=error_line(f"ERROR: {words}"))) from None


@contextmanager
def _asking(copy: Copy) -> Iterator[Ask]:
    """Statements that only read."""
    if copy.file is not None:
        with sqlite3.connect(f"{copy.file.as_uri()}?mode=ro", uri=True) as connection:
            yield lambda sql: _number(connection.execute(sql).fetchone())
        connection.close()
        return
    with psycopg.connect(copy.dsn, autocommit=True) as session:
        session.read_only = True
        session.execute(f"SET statement_timeout = {_STATEMENT_MS}".encode())
        yield lambda sql: _number(session.execute(sql.encode()).fetchone())


def _number(row: tuple[object, ...] | None) -> float:
    value = row[0] if row else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ObservationError(msg("The statement gives no number"))
    return float(value)
