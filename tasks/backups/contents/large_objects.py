"""Large objects, read as if they were a table of a row for each."""

from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from tasks.backups.contents.wanted import MIXED, SAMPLED, SMALL_ROWS
from tasks.backups.facts import TableContents

NAME: Final = "pg_largeobject"

_COUNT: Final = b"""
    SELECT count(*), has_table_privilege('pg_largeobject', 'SELECT') FROM pg_largeobject_metadata
"""
# Of each object its number and, as 60 bits of an MD5, every page; one without a byte has no page.
_HASH: Final = """
    SELECT count(DISTINCT m.oid), coalesce(sum(('x' || left(md5(m.oid || ' ' || coalesce(l.pageno, -1) || ' '
        || coalesce(encode(l.data, 'hex'), '')), 15))::bit(60)::int8), 0)
    FROM pg_largeobject_metadata AS m LEFT JOIN pg_largeobject AS l ON l.loid = m.oid {where}
"""
_SAMPLE: Final = "WHERE m.oid::int8 % 2147483647 * 2654435761 % 4294967296 < 268435456"


def read_large_objects(connection: psycopg.Connection[Any], rule: str) -> TableContents:
    """How many there are, and a hash of them by the rule, where the role may read them."""
    cursor = connection.cursor(row_factory=tuple_row)
    rows, readable = cursor.execute(_COUNT).fetchall()[0]
    if not rule or not readable:
        return TableContents(NAME, rows)
    sampled = rule == SAMPLED or (rule == MIXED and rows > SMALL_ROWS)
    hashed, total = cursor.execute(_HASH.format(where=_SAMPLE if sampled else "").encode()).fetchall()[0]
    return TableContents(NAME, rows, content=f"{hashed}:{int(total):x}")
