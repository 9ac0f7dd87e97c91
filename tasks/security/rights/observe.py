"""Looks at roles, schemas and login rules of the service's PostgreSQL through one read-only connection."""

from collections.abc import Callable
from typing import TypeVar

import psycopg
from psycopg.rows import dict_row

from tasks.check_result import msg
from tasks.database.connection import Server, connected, reason
from tasks.observation import Absent, ObservationError, Unobserved
from tasks.security.facts.rights import DatabaseRights
from tasks.security.rights import queries
from tasks.visible import look

T = TypeVar("T")
_STATEMENTS = 7
_OLDEST_VERSION = 140000


# No timeout on the decorator: Prefect cannot end a thread. `connected` cuts the line.
@look("read-rights")
def read_rights(server: Server, role: str, no_rules: Absent | None) -> DatabaseRights:
    """What the service's role may do; `no_rules` says why pg_hba.conf is not to be read.

    Raises ObservationError if there is no connection.
    """
    most_s = server.connect_timeout_s + _STATEMENTS * server.statement_timeout_s + 1
    with connected(server, most_s) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        version = connection.info.server_version
        if version < _OLDEST_VERSION:
            raise ObservationError(msg("PostgreSQL is older than version 14, the oldest that opsrounds supports"))
        rules = _seen(lambda: queries.login_rules(cursor, version), server) if no_rules is None else no_rules
        return DatabaseRights(
            role=_seen(lambda: queries.role_rights(cursor, role), server),
            schemas=_seen(lambda: queries.schema_rights(cursor, role), server),
            rules=rules,
        )


def _seen(read: Callable[[], T], server: Server) -> T | Unobserved:
    """What a question gives, or why it gives nothing: the other questions are asked all the same."""
    try:
        return read()
    except ObservationError as error:
        return Unobserved(error.reason)
    except psycopg.Error as error:
        return Unobserved(reason(error, server))
