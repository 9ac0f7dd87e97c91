"""Text in a database whose encoding PostgreSQL does not check."""

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from tasks.backups.contents.catalogue import Table

UNCHECKED: Final = "SQL_ASCII"
_MOST_ROWS: Final = 5_000
_MOST_ROW_BYTES: Final = 8_000
_MOST_TABLES: Final = 500


def not_utf8(connection: psycopg.Connection[Any], tables: Sequence[Table]) -> tuple[str, ...]:
    """The tables among the largest that have text which is not UTF-8, in their first rows."""
    return tuple(sorted(table.name for table in tables[:_MOST_TABLES] if not _readable(connection, table)))


def _readable(connection: psycopg.Connection[Any], table: Table) -> bool:
    rows = sql.SQL("SELECT (t.*)::text AS row FROM ONLY {} AS t LIMIT {}").format(
        sql.Identifier(table.schema, table.table), sql.Literal(_MOST_ROWS)
    )
    short = sql.SQL("octet_length(row) <= {}").format(sql.Literal(_MOST_ROW_BYTES))
    # The server converts nothing, yet checks what it sends to a client that speaks UTF-8.
    statement = sql.SQL("SELECT string_agg(row, ' ') FROM ({}) AS rows WHERE {}").format(rows, short)
    try:
        with connection.transaction():
            connection.execute(statement)
    except psycopg.errors.CharacterNotInRepertoire:
        return False
    return True
