"""The statements behind the facts; each function asks one question of the server's own statistics."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import DictRow

from tasks.check_result import msg
from tasks.database.facts import (
    Cache,
    Connections,
    Locks,
    LockWait,
    Replication,
    Session,
    Size,
    Slot,
    Standby,
    TableRows,
    Transactions,
    Vacuum,
    Wraparound,
)
from tasks.observation import Absent, ObservationError, printable

Cursor = psycopg.Cursor[DictRow]


@dataclass(frozen=True, slots=True)
class About:
    """What decides which statistics can be read at all."""

    version: int
    role: str
    reads_all_stats: bool
    in_recovery: bool
    counts: bool
    activities: bool

    def need_activity(self) -> None:
        """Raise ObservationError where sessions of others would be missing from the answer without a word."""
        if not self.reads_all_stats:
            # Other roles' sessions come with NULL for state and type: counting them would read as all is well.
            raise ObservationError(
                msg("The role may not see other sessions: GRANT pg_monitor TO {role}", role=printable(self.role, 63))
            )
        if not self.activities:
            raise ObservationError(msg("The server does not track sessions: set track_activities = on"))

    def need_counts(self) -> None:
        """Raise ObservationError where every counter stays at zero."""
        if not self.counts:
            raise ObservationError(msg("The server does not count rows and blocks: set track_counts = on"))


def about(cursor: Cursor) -> About:
    """The server's version and what the role may see."""
    row = _one(
        cursor,
        """
        SELECT current_setting('server_version_num')::int AS version, current_user::text AS role,
               pg_has_role('pg_read_all_stats', 'USAGE') AS reads_all_stats, pg_is_in_recovery() AS in_recovery,
               current_setting('track_counts')::bool AS counts, current_setting('track_activities')::bool AS activities
        """,
    )
    return About(**row)


def connections(cursor: Cursor, about: About) -> Connections:
    """Client connections of all databases: the maximum is the server's."""
    about.need_activity()
    usable = _one(
        cursor,
        """
        SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
               - coalesce(current_setting('reserved_connections', true), '0')::int AS usable
        """,
    )["usable"]
    states = _all(
        cursor,
        """
        SELECT coalesce(state, 'starting') AS state, count(*) AS sessions FROM pg_stat_activity
        WHERE backend_type = 'client backend' GROUP BY 1 ORDER BY 2 DESC, 1
        """,
    )
    if usable < 1:
        raise ObservationError(msg("Every connection of the server is reserved for superusers"))
    return Connections(
        sum(row["sessions"] for row in states), usable, tuple((row["state"], row["sessions"]) for row in states)
    )


def transactions(cursor: Cursor, about: About) -> Transactions:
    """Open transactions of other client sessions, the oldest first."""
    about.need_activity()
    rows = _all(
        cursor,
        """
        SELECT pid, coalesce(usename, '') AS role, coalesce(application_name, '') AS application, state,
               greatest(extract(epoch FROM clock_timestamp() - xact_start), 0)::float8 AS age_s,
               CASE WHEN state LIKE 'idle in transaction%'
                    THEN greatest(extract(epoch FROM clock_timestamp() - state_change), 0)::float8 END AS idle_s
        FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
        ORDER BY age_s DESC
        """,
    )
    prepared = _one(
        cursor,
        "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - prepared)), 0)::float8 AS age_s"
        " FROM pg_prepared_xacts",
    )["age_s"]
    return Transactions(
        oldest_s=max((row["age_s"] for row in rows), default=0.0),
        oldest_idle_s=max((row["idle_s"] for row in rows if row["idle_s"] is not None), default=0.0),
        oldest_prepared_s=prepared,
        sessions=tuple(
            Session(row["pid"], printable(row["role"], 63), printable(row["application"], 63), *_ages(row))
            for row in rows[:10]
        ),
    )


def _ages(row: DictRow) -> tuple[str, float, float | None]:
    return row["state"], row["age_s"], row["idle_s"]


def locks(cursor: Cursor, about: About) -> Locks:
    """Who waits for a lock; pg_locks is open to every role."""
    rows = _all(
        cursor,
        """
        SELECT pid, greatest(coalesce(extract(epoch FROM clock_timestamp() - waitstart), 0), 0)::float8 AS wait_s,
               mode, coalesce(relation::regclass::text, locktype) AS relation,
               array_to_string(pg_blocking_pids(pid), ', ') AS blocked_by
        FROM pg_locks WHERE NOT granted ORDER BY wait_s DESC LIMIT 10
        """,
    )
    return Locks(tuple(LockWait(**{**row, "relation": printable(row["relation"], 130)}) for row in rows))


def wraparound(cursor: Cursor, about: About) -> Wraparound:
    """The database with the oldest transaction id, and the oldest multixact of all."""
    row = _one(
        cursor,
        """
        SELECT datname::text AS database, age(datfrozenxid) AS xid_age,
               current_setting('autovacuum_freeze_max_age')::int AS xid_max_age,
               (SELECT max(mxid_age(datminmxid)) FROM pg_database) AS multixact_age,
               current_setting('autovacuum_multixact_freeze_max_age')::int AS multixact_max_age
        FROM pg_database ORDER BY 2 DESC LIMIT 1
        """,
    )
    return Wraparound(**{**row, "database": printable(row["database"], 63)})


def replication(cursor: Cursor, about: About) -> Replication | Absent:
    """Standbys, slots and the server's own delay; Absent where there is no replication."""
    about.need_activity()
    here = "pg_last_wal_receive_lsn()" if about.in_recovery else "pg_current_wal_lsn()"
    standbys = _all(
        cursor,
        # A base backup under way streams WAL too, and replays none.
        f"""
        SELECT coalesce(nullif(application_name, ''), client_addr::text, pid::text) AS name, state,
               pg_wal_lsn_diff({here}, replay_lsn)::int8 AS lag_bytes,
               extract(epoch FROM replay_lag)::float8 AS lag_s
        FROM pg_stat_replication WHERE state <> 'backup' ORDER BY lag_bytes DESC NULLS FIRST LIMIT 50
        """,
    )
    slots = _all(
        cursor,
        f"""
        SELECT slot_name::text AS name, active, pg_wal_lsn_diff({here}, restart_lsn)::int8 AS retained_bytes,
               coalesce(wal_status, '') AS wal_status
        FROM pg_replication_slots WHERE NOT temporary ORDER BY 3 DESC NULLS FIRST LIMIT 50
        """,
    )
    if not standbys and not slots and not about.in_recovery:
        return Absent(msg("The server has no standby and no replication slot"))
    own_lag_s, receiving = _own_lag(cursor) if about.in_recovery else (None, False)
    return Replication(
        tuple(Standby(printable(row["name"], 63), row["state"], row["lag_bytes"], row["lag_s"]) for row in standbys),
        tuple(Slot(**{**row, "name": printable(row["name"], 63)}) for row in slots),
        own_lag_s,
        receiving,
    )


def _own_lag(cursor: Cursor) -> tuple[float | None, bool]:
    """A standby's delay; 0 when it has replayed all that it received and still receives."""
    row = _one(
        cursor,
        """
        SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AS level,
               extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS age_s,
               EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS receiving
        """,
    )
    return 0.0 if row["level"] and row["receiving"] else row["age_s"], row["receiving"]


def vacuum(cursor: Cursor, about: About) -> Vacuum | Absent:
    """Dead rows of this database's tables, the most first."""
    if about.in_recovery:
        return Absent(msg("A standby keeps no row statistics: check the primary"))
    about.need_counts()
    total = _one(
        cursor,
        """
        SELECT count(*) AS tables, coalesce(sum(n_live_tup), 0)::int8 AS live,
               coalesce(sum(n_dead_tup), 0)::int8 AS dead FROM pg_stat_user_tables
        """,
    )
    if total["tables"] == 0:
        return Absent(msg("The database has no user tables"))
    rows = _all(
        cursor,
        """
        SELECT schemaname || '.' || relname AS name, n_live_tup AS live, n_dead_tup AS dead,
               coalesce(to_char(greatest(last_vacuum, last_autovacuum) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), '')
               AS last_vacuum
        FROM pg_stat_user_tables WHERE n_dead_tup > 0 ORDER BY n_dead_tup DESC, 1 LIMIT 200
        """,
    )
    tables = tuple(TableRows(**{**row, "name": printable(row["name"], 130)}) for row in rows)
    return Vacuum(total["live"], total["dead"], tables)


def cache(cursor: Cursor, about: About) -> Cache:
    """Blocks of this database since its statistics were reset."""
    about.need_counts()
    row = _one(
        cursor, "SELECT blks_hit AS hits, blks_read AS reads FROM pg_stat_database WHERE datname = current_database()"
    )
    return Cache(**row)


def size(cursor: Cursor, about: About) -> Size:
    """This database on disk and its largest tables."""
    row = _one(cursor, "SELECT current_database()::text AS name, pg_database_size(current_database())::int8 AS bytes")
    # The planner's page counts choose the tables, so that not every file of a large schema is looked up.
    tables = _all(
        cursor,
        """
        SELECT oid::regclass::text AS name, pg_total_relation_size(oid)::int8 AS bytes FROM (
            SELECT oid FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace NOT IN
                (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_%' OR nspname = 'information_schema')
            ORDER BY relpages DESC LIMIT 100) AS largest
        ORDER BY 2 DESC, 1 LIMIT 10
        """,
    )
    return Size(
        printable(row["name"], 63),
        row["bytes"],
        tuple((printable(table["name"], 130), table["bytes"]) for table in tables),
    )


def _one(cursor: Cursor, sql: str) -> dict[str, Any]:
    row = cursor.execute(sql.encode()).fetchone()
    if row is None:
        raise ObservationError(msg("The database returned no row for a query about itself"))
    return row


def _all(cursor: Cursor, sql: str) -> list[DictRow]:
    return cursor.execute(sql.encode()).fetchall()
