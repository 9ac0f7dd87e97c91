"""What pg_dumpall writes before the databases: roles and tablespaces, made on a throw-away server one by one.

Only its own kinds of statements are run. What is about the server's own superuser, or removes anything, is passed over;
passwords are left out, so that they are nowhere; tablespaces are made in the server's folder.
"""

import re
from typing import Final

import psycopg

from tasks.backups.errors import BadBackup
from tasks.backups.formats.sql.created import NAME, NOTHING, REST
from tasks.backups.tool_words import error_line
from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.postgres.throwaway import Throwaway

MOST_BYTES: Final = 64 * 1024 * 1024
_STATEMENT = re.compile(
    rb"(?P<run>SET client_encoding = '\w+';\r?\n)|(?P<nothing>%(nothing)s"
    rb"|DROP (?:DATABASE|ROLE|TABLESPACE) (?:IF EXISTS )?%(name)s;\r?\n"
    rb"|(?:CREATE|ALTER) ROLE postgres(?=[ ;])%(rest)s)"
    rb"|(?P<own>(?:CREATE ROLE|ALTER ROLE|COMMENT ON ROLE|CREATE TABLESPACE|ALTER TABLESPACE|COMMENT ON TABLESPACE"
    rb"|SECURITY LABEL FOR %(name)s ON (?:ROLE|TABLESPACE)|GRANT|REVOKE) %(rest)s)"
    % {b"name": NAME, b"rest": REST, b"nothing": NOTHING}
)
_LEFT_OUT = (
    (re.compile(rb"^(ALTER ROLE .*?) PASSWORD '[^']*'", re.DOTALL), rb"\1"),
    (re.compile(rb"^(CREATE TABLESPACE .*) LOCATION '(?:[^']|'')*';", re.DOTALL), rb"\1 LOCATION '';"),
    # It may be a superuser of the live server, who is an ordinary one here.
    (re.compile(rb"^(GRANT .*) GRANTED BY %b;" % NAME, re.DOTALL), rb"\1;"),
)
# A failing statement may contain a password, and the server would write it to its log.
_SESSION = "SET log_min_error_statement = panic; SET log_statement = none; SET allow_in_place_tablespaces = on"


def statements_of(text: bytes) -> tuple[bytes, ...]:
    """The statements that a drill runs; raises BadBackup for what pg_dumpall does not write."""
    found, place = [], 0
    while place < len(text):
        if (item := _STATEMENT.match(text, place)) is None:
            raise BadBackup(
                msg("The dump contains a statement before its databases that pg_dumpall never writes, or a damaged one")
            )
        place = item.end()
        if not item["nothing"]:
            statement = item[0]
            for pattern, kept in _LEFT_OUT:
                statement = pattern.sub(kept, statement)
            found.append(statement)
    return tuple(found)


def make_globals(statements: tuple[bytes, ...], server: Throwaway) -> None:
    """Make roles and tablespaces on a throw-away server; raises BadBackup or ObservationError."""
    try:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(_SESSION)
            for statement in statements:
                connection.execute(statement)
    except psycopg.OperationalError as error:
        raise ObservationError(
            msg("The restore drill's PostgreSQL does not answer: {why}", why=error_line(f"ERROR: {_primary(error)}"))
        ) from None
    except psycopg.Error as error:
        raise BadBackup(
            msg("The dump's roles and tablespaces cannot be made: {why}", why=error_line(f"ERROR: {_primary(error)}"))
        ) from None


def _primary(error: psycopg.Error) -> str:
    return error.diag.message_primary or type(error).__name__
