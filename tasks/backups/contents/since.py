"""What of a running database is younger than a backup, by the transactions that wrote it.

A row whose stamp is after the backup was written by a transaction after it, and so was whatever a younger one wrote.
"""

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import scalar_row

from tasks.backups.contents.catalogue import Table
from tasks.backups.contents.schema import NAME, OWN, OWN_SCHEMAS, RELATIONS

_YOUNG: Final = f"""
    SELECT {NAME} FROM {RELATIONS} WHERE {OWN} AND c.relkind <> 'i' AND {{age}} >= least(age(c.xmin),
        (SELECT min(age(a.xmin)) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0),
        (SELECT min(age(k.xmin)) FROM pg_constraint AS k WHERE k.conrelid = c.oid),
        (SELECT min(age(i.xmin)) FROM pg_index AS i WHERE i.indrelid = c.oid),
        (SELECT min(age(g.xmin)) FROM pg_trigger AS g WHERE g.tgrelid = c.oid),
        (SELECT min(age(f.xmin)) FROM pg_attrdef AS f WHERE f.adrelid = c.oid),
        (SELECT min(age(d.xmin)) FROM pg_description AS d WHERE d.classoid = 'pg_class'::regclass AND d.objoid = c.oid),
        (SELECT min(age(w.xmin)) FROM pg_rewrite AS w WHERE w.ev_class = c.oid))
    UNION
    SELECT quote_ident(n.nspname) || '.' || quote_ident(p.proname)
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE {OWN_SCHEMAS} AND age(p.xmin) <= {{age}}
    UNION
    SELECT quote_ident(n.nspname) || '.' || quote_ident(y.typname)
    FROM pg_type AS y JOIN pg_namespace AS n ON n.oid = y.typnamespace
    WHERE {OWN_SCHEMAS} AND y.typcategory <> 'A' AND (age(y.xmin) <= {{age}}
        OR EXISTS (SELECT FROM pg_enum AS v WHERE v.enumtypid = y.oid AND age(v.xmin) <= {{age}}))
    UNION
    SELECT quote_ident(n.nspname) FROM pg_namespace AS n WHERE {OWN_SCHEMAS} AND age(n.xmin) <= {{age}}
    UNION
    SELECT quote_ident(e.extname) FROM pg_extension AS e WHERE age(e.xmin) <= {{age}}
"""


def young_definitions(connection: psycopg.Connection[Any], age: int) -> tuple[str, ...]:
    """The names of relations, functions, types, schemas and extensions that were made or changed by a transaction
    of at most an age.
    """
    cursor = connection.cursor(row_factory=scalar_row)
    return tuple(sorted(cursor.execute(_YOUNG.format(age=age).encode())))


def young_rows(table: Table, age: int) -> sql.Composed:
    """Asks how many rows of a table were written by a transaction of at most an age."""
    return sql.SQL("SELECT count(*) FROM ONLY {} AS t WHERE age(t.xmin) <= {}").format(
        sql.Identifier(table.schema, table.table), sql.Literal(age)
    )


def oldest_since(ages: Sequence[int | None]) -> int | None:
    """The age of the first transaction that is known to be after the backup."""
    return max((age for age in ages if age is not None), default=None)
