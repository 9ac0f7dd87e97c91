"""Reads pg_stat_statements of the service's PostgreSQL through one read-only connection."""

from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from tasks.check_result import msg
from tasks.database import queries
from tasks.database.connection import Server, connected
from tasks.observation import Absent, ObservationError, printable
from tasks.outside import external_sql
from tasks.performance.facts import StatementTotal, StatementTotals
from tasks.visible import look

MOST_STATEMENTS = 200
_MOST_QUERY = 120
_STATEMENTS = 4

_ENABLE = msg(
    "pg_stat_statements is not installed in this database: add it to shared_preload_libraries, restart, then "
    "CREATE EXTENSION pg_stat_statements"
)
_NOT_LOADED = msg("pg_stat_statements is not loaded: add it to shared_preload_libraries and restart")
_OLD = msg("pg_stat_statements is older than 1.9: ALTER EXTENSION pg_stat_statements UPDATE")
_NO_RESET = msg("pg_stat_statements does not say since when it counts")


# No timeout on the decorator: Prefect cannot end a thread. `connected` cuts the line.
@look("read-statements")
def read_statements(server: Server, now: datetime) -> StatementTotals | Absent:
    """The statements of the database with the most time; Absent where the extension is not installed.

    Raises ObservationError if there is no connection, or the role may not see them.
    """
    most_s = server.connect_timeout_s + _STATEMENTS * server.statement_timeout_s + 1
    with connected(server, most_s) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        schema = cursor.execute(
            "SELECT n.nspname::text AS name FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
            "WHERE e.extname = 'pg_stat_statements'"
        ).fetchone()
        if schema is None:
            return Absent(_ENABLE)
        about = queries.about(cursor)
        if not about.reads_all_stats:
            # Other roles' statements come without text and number: the rest would read as if it were all.
            role = printable(about.role, 63)
            raise ObservationError(
                msg("The role may not see other roles' queries: GRANT pg_monitor TO {role}", role=role)
            )
        return totals_in(cursor, schema["name"], now)


def totals_in(cursor: queries.Cursor, schema: str, now: datetime) -> StatementTotals:
    """What the extension's views in a schema say; raises ObservationError."""
    try:
        reset = cursor.execute(
            sql.SQL("SELECT stats_reset FROM {}.pg_stat_statements_info").format(sql.Identifier(schema))
        ).fetchone()
        rows = cursor.execute(_totals(schema), (MOST_STATEMENTS,)).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        raise ObservationError(_OLD) from None
    except psycopg.errors.ObjectNotInPrerequisiteState:
        raise ObservationError(_NOT_LOADED) from None
    if reset is None or reset["stats_reset"] is None:
        raise ObservationError(_NO_RESET)
    return StatementTotals(
        now,
        reset["stats_reset"],
        float(rows[0]["everything_ms"]) if rows else 0.0,
        {row["query_id"]: StatementTotal(int(row["calls"]), float(row["total_ms"])) for row in rows},
        {row["query_id"]: external_sql(row["query"], _MOST_QUERY) for row in rows},
    )


def _totals(schema: str) -> sql.Composed:
    # Statements within functions count for the statement that called them as well: once is enough.
    return sql.SQL(
        """
        SELECT queryid AS query_id, coalesce(min(left(query, 4000)), '') AS query, sum(calls)::int8 AS calls,
               sum(total_exec_time)::float8 AS total_ms, (sum(sum(total_exec_time)) OVER ())::float8 AS everything_ms
        FROM {}.pg_stat_statements
        WHERE toplevel AND queryid IS NOT NULL
              AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        GROUP BY queryid ORDER BY total_ms DESC LIMIT %s
        """
    ).format(sql.Identifier(schema))
