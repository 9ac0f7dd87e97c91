"""Reads a restored database, and distinguishes damage in it from other errors."""

import re
from contextlib import ExitStack

import psycopg

from tasks.backups.contents.postgres import read_contents
from tasks.backups.contents.wanted import Wanted
from tasks.backups.errors import BadBackup
from tasks.backups.facts import Contents
from tasks.backups.tool_words import error_line
from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.progress import TABLES, tell

_DAMAGED = re.compile(r"FATAL: +(?:invalid page|could not (?:read|open|access|find)|cache lookup failed|.*corrupt)")
"""Why a database cannot be connected to; libpq gives no SQLSTATE then."""

_NOT_THE_BACKUPS = ("08", "53", "57")
"""Classes of SQLSTATE: no connection, no resources, ended by somebody."""


def read_restored(dsn: str, wanted: Wanted, jobs: int, deadline: Deadline) -> Contents:
    """What is in a restored database; raises BadBackup for one that cannot be read, ObservationError."""
    bound = f"-c statement_timeout={round(deadline.require() * 1000)}"
    try:
        with ExitStack() as opened:
            connections = [opened.enter_context(psycopg.connect(dsn, options=bound)) for _ in range(jobs)]
            return read_contents(connections, wanted, lambda done, of: tell(TABLES, done, of))
    except psycopg.Error as error:
        deadline.require()
        raise unreadable(error) from None


def unreadable(error: psycopg.Error) -> Exception:
    """What a copy cannot be read for: damage in it, or something that has nothing to do with the backup."""
    why = error_line(f"ERROR: {error.diag.message_primary or error}")
    refused = error.sqlstate is None and _DAMAGED.search(str(error)) is None
    if refused or (error.sqlstate or "")[:2] in _NOT_THE_BACKUPS:
        return ObservationError(msg("The restore drill's PostgreSQL does not answer: {why}", why=why))
    return BadBackup(msg("The restored database cannot be read: {why}", why=why))
