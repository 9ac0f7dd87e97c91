"""Where the service's database is: a password stays in the environment, and is never written or shown."""

import os
import re
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from deployments.init.notes import Note
from tasks.check_result import msg
from tasks.database.checks import CHECKS
from tasks.database.connection import Server
from tasks.database.observe import read_database
from tasks.database.readings import unseen_database
from tasks.database.settings import URL, Database, check_database_url
from tasks.errors import UsageError
from tasks.observation import ObservationError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STATEMENT_S = 5.0
_CONNECT_S = 5
_LONGEST_S = 45.0
_SECRET_WORD = re.compile(r"pass|secret|scram|pwd", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DatabaseSource:
    """How the service file names the database: by a variable of the environment, or by an address without password."""

    variable: str | None
    url: str | None


def database_source(given: str, service: str) -> DatabaseSource:
    """What `--database` names.

    Raises UsageError, which never repeats an address; also for one with a password.
    """
    if _VARIABLE.fullmatch(given):
        value = os.environ.get(given)
        if value is None:
            raise UsageError(f"--database {given}: the environment variable {given} is not set")
        _check(value, f"--database: the environment variable {given}")
        return DatabaseSource(given, None)
    _check(given, "--database")
    if not _holds_secret(given):
        return DatabaseSource(None, given)
    variable = f"{service}-database-url".replace("-", "_").upper()
    variable = variable if _VARIABLE.fullmatch(variable) else f"SERVICE_{variable}"
    raise UsageError(
        "--database: a password on a command line is seen in the list of processes; give the NAME of an environment "
        f"variable that holds the address: read -rs {variable} && export {variable}, then --database {variable}"
    )


def database_problem(place: DatabaseSource) -> Note:
    """Why something of the database cannot be read; empty when everything can."""
    url = place.url or os.environ[place.variable or ""]
    try:
        facts = read_database.fn(Server(url, _STATEMENT_S, _CONNECT_S), longest_s=_LONGEST_S)
    except ObservationError as error:
        return (error.reason,)
    unseen = [part.reason for part in unseen_database(facts)]
    if not unseen:
        return ()
    return msg("{n} of {all} database checks get no data", n=len(unseen), all=len(CHECKS)), unseen[0]


def _check(url: str, what: str) -> None:
    try:
        check_database_url(url)
        conninfo_to_dict(url)
    except (ValueError, psycopg.Error):  # their texts may repeat a password
        raise UsageError(f"{what} {URL}, or the NAME of an environment variable that holds it") from None


def _holds_secret(url: str) -> bool:
    """True unless there is certainly no password: a parser that is misled must not leave one in the file."""
    before = url.partition("://")[2].rpartition("@")[0]
    if ":" in before or "@" in before or "/" in before or _SECRET_WORD.search(url):
        return True
    try:
        Database(url=url)
    except ValidationError:
        return True
    return False
