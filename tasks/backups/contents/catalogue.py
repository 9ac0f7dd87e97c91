"""The tables and sequences to read, from PostgreSQL's catalogue; needs an empty search_path."""

from dataclasses import dataclass
from typing import Final, TypeVar

import psycopg
from psycopg.rows import class_row

from tasks.backups.contents.schema import NAME, OWN, RELATIONS

Row = TypeVar("Row")

TIMES: Final = ("date", "timestamp", "timestamptz")
NUMBERS: Final = ("int2", "int4", "int8", "numeric")


@dataclass(frozen=True, slots=True)
class About:
    """The server, the database and the role."""

    database: str
    version: int
    encoding: str
    bytes: int
    role: str
    roles: list[str]
    extensions: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """An ordinary table or a partition that holds rows; `name` is `schema.table`, quoted where it needs to be.

    `key` has the columns of the primary key; `counted` if that is one column of integers.
    """

    oid: int
    schema: str
    table: str
    name: str
    estimate: float
    bytes: int
    key: list[str]
    counted: bool
    readable: bool
    hidden: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column whose highest value may be read; `indexed` if an index gives it without reading the table. A `stamp` is
    the time at which its row was written, by its default or by its name.
    """

    oid: int
    column: str
    name: str
    type: str
    indexed: bool
    stamp: bool


@dataclass(frozen=True, slots=True)
class Numbering:
    """A sequence and the column that takes its numbers, if any; `tables` are those that have the column, if it can be
    compared with the sequence at all.
    """

    name: str
    of: str
    column: str
    last: int | None
    readable: bool
    tables: list[int]


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint, and the statement that counts the rows that break it."""

    constraint: str
    table: str
    statement: str


def about(connection: psycopg.Connection) -> About:
    """The server, the database and the role."""
    return _all(connection, About, _ABOUT)[0]


def tables(connection: psycopg.Connection) -> list[Table]:
    """The tables, the largest first."""
    return _all(connection, Table, _TABLES)


def columns(connection: psycopg.Connection) -> list[Column]:
    """The columns of times and of whole numbers."""
    return _all(connection, Column, _COLUMNS)


def numberings(connection: psycopg.Connection) -> list[Numbering]:
    """The sequences, those that number a column once for each."""
    found = _all(connection, Numbering, _NUMBERINGS)
    taken = {numbering.name for numbering in found}
    return [*found, *(one for one in _all(connection, Numbering, _SEQUENCES) if one.name not in taken)]


def rules(connection: psycopg.Connection) -> list[Rule]:
    """The foreign keys and the unique constraints and indexes that hold for all rows."""
    return [*_all(connection, Rule, _FOREIGN_KEYS), *_all(connection, Rule, _UNIQUE)]


def _all(connection: psycopg.Connection, kind: type[Row], query: str) -> list[Row]:
    return connection.cursor(row_factory=class_row(kind)).execute(query.encode()).fetchall()


_ABOUT = """
    SELECT current_database()::text AS database, current_setting('server_version_num')::int AS version,
        current_setting('server_encoding') AS encoding, pg_database_size(current_database()) AS bytes,
        current_user::text AS role,
        ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname !~ '^pg_') AS roles,
        ARRAY(SELECT extname::text FROM pg_extension) AS extensions
"""
# A table that was never analysed has no estimate: 100 bytes a row then. A standby has no rows of an unlogged table.
_TABLES = f"""
    SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS table, {NAME} AS name,
        (CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE pg_relation_size(c.oid) / 100.0 END)::float8 AS estimate,
        pg_table_size(c.oid) AS bytes,
        ARRAY(
            SELECT a.attname::text FROM pg_index AS i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (num, at)
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.num
            WHERE i.indrelid = c.oid AND i.indisprimary AND k.at <= i.indnkeyatts ORDER BY k.at) AS key,
        EXISTS (
            SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1
                AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)) AS counted,
        has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
        row_security_active(c.oid) AS hidden
    FROM {RELATIONS}
    WHERE c.relkind = 'r' AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery()) AND {OWN}
    ORDER BY bytes DESC, name
"""
_COLUMNS = f"""
    SELECT c.oid::int8 AS oid, a.attname::text AS column, quote_ident(a.attname) AS name, y.typname::text AS type,
        EXISTS (
            SELECT FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_am AS m ON m.oid = x.relam
            WHERE i.indrelid = c.oid AND m.amname = 'btree' AND i.indisvalid AND i.indpred IS NULL
                AND i.indkey[0] = a.attnum) AS indexed,
        a.attname ~* '(creat|insert|updat|modif|chang|record)'
            OR pg_get_expr(f.adbin, f.adrelid) ~* '(now|timestamp|timeofday)\\(|current_(timestamp|date)' AS stamp
    FROM {RELATIONS}
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type AS declared ON declared.oid = a.atttypid
        JOIN pg_type AS y ON y.oid = coalesce(nullif(declared.typbasetype, 0), declared.oid)
        LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    WHERE c.relkind = 'r' AND {OWN}
        AND y.oid IN ({", ".join(f"'pg_catalog.{name}'::regtype" for name in (*TIMES, *NUMBERS))})
    ORDER BY c.oid, a.attnum
"""
# A column stays at or below a sequence only if that goes up, starts over never, and its numbers are taken as they are.
_NUMBERINGS = f"""
    WITH RECURSIVE taken AS (
        SELECT d.objid AS sequence, d.refobjid AS owner, d.refobjsubid AS num FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
            AND d.deptype IN ('a', 'i')
        UNION
        SELECT d.refobjid, f.adrelid, f.adnum FROM pg_depend AS d JOIN pg_attrdef AS f ON f.oid = d.objid
        WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
            AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = f.adrelid)
    ), below AS (
        SELECT owner, owner AS part FROM taken
        UNION
        SELECT b.owner, h.inhrelid FROM below AS b JOIN pg_inherits AS h ON h.inhparent = b.part
    ), defaults AS (
        SELECT adrelid, adnum, pg_get_expr(adbin, adrelid) AS value FROM pg_attrdef
    )
    SELECT {NAME} AS name, taken.owner::regclass || '.' || quote_ident(a.attname) AS of, a.attname::text AS column,
        has_sequence_privilege(c.oid, 'SELECT') AS readable,
        CASE WHEN has_sequence_privilege(c.oid, 'SELECT') THEN pg_sequence_last_value(c.oid) END AS last,
        CASE WHEN s.seqincrement > 0 AND NOT s.seqcycle AND (
                a.attidentity <> '' OR f.value = format('nextval(%L::regclass)', c.oid::regclass::text)
                OR (f.value IS NULL AND s.seqincrement = 1))
            THEN ARRAY(SELECT part::int8 FROM below JOIN pg_class AS r ON r.oid = part AND r.relkind = 'r'
                WHERE below.owner = taken.owner)
            ELSE '{{}}' END AS tables
    FROM taken JOIN {RELATIONS} ON c.oid = taken.sequence JOIN pg_sequence AS s ON s.seqrelid = c.oid
        JOIN pg_attribute AS a ON a.attrelid = taken.owner AND a.attnum = taken.num
        LEFT JOIN defaults AS f ON f.adrelid = taken.owner AND f.adnum = taken.num
    WHERE {OWN}
"""
# One that goes down or starts over is set back by its own use.
_SEQUENCES = f"""
    SELECT {NAME} AS name, '' AS of, '' AS column, has_sequence_privilege(c.oid, 'SELECT') AS readable,
        CASE WHEN has_sequence_privilege(c.oid, 'SELECT') THEN pg_sequence_last_value(c.oid) END AS last,
        ARRAY[]::int8[] AS tables
    FROM {RELATIONS} JOIN pg_sequence AS s ON s.seqrelid = c.oid
    WHERE s.seqincrement > 0 AND NOT s.seqcycle AND {OWN}
"""
_COLLATE = """
    CASE WHEN {0} <> 0 THEN (
        SELECT format(' COLLATE %I.%I', z.nspname, l.collname)
        FROM pg_collation AS l JOIN pg_namespace AS z ON z.oid = l.collnamespace WHERE l.oid = {0}) ELSE '' END"""
# The constraint's own operators: with an empty search_path `=` of an extension's type would be that of another.
_FOREIGN_KEYS = f"""
    SELECT quote_ident(k.conname) AS constraint, {NAME} AS table,
        format('SELECT count(*) FROM %s%s AS f WHERE (%s) AND NOT EXISTS (SELECT FROM %s%s AS p WHERE %s)',
            CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, c.oid::regclass, given.all,
            CASE o.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, o.oid::regclass, given.same) AS statement
    FROM pg_constraint AS k JOIN {RELATIONS} ON c.oid = k.conrelid JOIN pg_class AS o ON o.oid = k.confrelid
        CROSS JOIN LATERAL (
            SELECT string_agg(format('f.%I IS NOT NULL', f.attname),
                    CASE k.confmatchtype WHEN 'f' THEN ' OR ' ELSE ' AND ' END) AS all,
                string_agg(format('p.%I OPERATOR(%I.%s) f.%I%s', p.attname, b.nspname, q.oprname, f.attname,
                    {_COLLATE.format("p.attcollation")}), ' AND ') AS same
            FROM unnest(k.conkey, k.confkey, k.conpfeqop) AS u (own, other, operator)
                JOIN pg_attribute AS f ON f.attrelid = k.conrelid AND f.attnum = u.own
                JOIN pg_attribute AS p ON p.attrelid = k.confrelid AND p.attnum = u.other
                JOIN pg_operator AS q ON q.oid = u.operator JOIN pg_namespace AS b ON b.oid = q.oprnamespace
        ) AS given
    WHERE k.contype = 'f' AND k.convalidated AND k.conparentid = 0
        AND NOT coalesce((to_jsonb(k) ->> 'conperiod')::bool, false) AND {OWN}
    ORDER BY 2, 1
"""
_UNIQUE = f"""
    SELECT quote_ident(x.relname) AS constraint, {NAME} AS table,
        format('SELECT coalesce(sum(n - 1), 0)::int8 FROM (SELECT count(*) AS n FROM ONLY %s AS t%s GROUP BY %s'
            ' HAVING count(*) > 1) AS twice', c.oid::regclass,
            CASE WHEN (to_jsonb(i) ->> 'indnullsnotdistinct')::bool THEN '' ELSE ' WHERE ' || key.given END,
            key.columns) AS statement
    FROM pg_index AS i JOIN {RELATIONS} ON c.oid = i.indrelid JOIN pg_class AS x ON x.oid = i.indexrelid
        CROSS JOIN LATERAL (
            SELECT string_agg(format('t.%I IS NOT NULL', a.attname), ' AND ') AS given,
                string_agg(format('t.%I%s', a.attname, {_COLLATE.format("u.colloid")}), ', ') AS columns
            FROM unnest(i.indkey, i.indcollation) WITH ORDINALITY AS u (num, colloid, at)
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = u.num
            WHERE u.at <= i.indnkeyatts
        ) AS key
    WHERE c.relkind = 'r' AND i.indisunique AND i.indisvalid AND NOT i.indisexclusion
        AND i.indpred IS NULL AND i.indexprs IS NULL AND {OWN}
    ORDER BY 2, 1
"""
