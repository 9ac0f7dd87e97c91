"""One reading of a table: how many rows, a hash of them and the highest values of some columns."""

from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import sql

from tasks.backups.contents.catalogue import TIMES, Column, Table
from tasks.backups.contents.wanted import WHOLE

_NOTHING = sql.SQL("NULL")
# Python has no year 0, and -infinity is no time.
_OLDEST = sql.SQL("'0001-01-02'")
_INT8_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Scan:
    """A table and the columns whose highest values are read; all rows are read only if `exact`."""

    table: Table
    exact: bool
    columns: tuple[Column, ...]

    def statement(self, until: datetime, rule: str) -> sql.Composed:
        """Asks for one row: rows, rows in the hash, the hash, then the highest value of each column.

        Every value is a literal: beside parameters, a % in a name would be one too.
        """
        source = sql.SQL("FROM ONLY {} AS t").format(sql.Identifier(self.table.schema, self.table.table))
        if not self.exact:
            highest = [_highest(column, until, source) for column in self.columns]
            return sql.SQL("SELECT {}").format(sql.SQL(", ").join([_NOTHING, _NOTHING, _NOTHING, *highest]))
        highest = [_highest(column, until, None) for column in self.columns]
        row = [sql.SQL("count(*)"), *_hash(self.table, rule), *highest]
        return sql.SQL("SELECT {} {}").format(sql.SQL(", ").join(row), source)


def _hash(table: Table, rule: str) -> tuple[sql.Composable, sql.Composable]:
    """How many rows are hashed, and the sum of 60 bits of each one's MD5: the same in any order and any version."""
    if not rule:
        return _NOTHING, _NOTHING
    # Not `t::text`: where there is a column t, that is its text.
    hashed = sql.SQL("(('x' || left(md5((t.*)::text), 15))::bit(60)::int8)")
    if rule == WHOLE:
        return sql.SQL("count(*)"), sql.SQL("sum{}").format(hashed)
    which = sql.SQL("{} FILTER (WHERE {})").format(hashed, _sampled(table))
    # sum and avg have one state in common, where a count of its own would choose the rows once more.
    rows = sql.SQL("coalesce(round(sum{0} / nullif(avg{0}, 0)), 0)::int8").format(which)
    return rows, sql.SQL("sum{}").format(which)


def _sampled(table: Table) -> sql.Composable:
    """Whether a row is of the sample: a sixteenth, the same on any server, and by arithmetic where that will do.

    For integers it is Knuth's multiplicative hash (The Art of Computer Programming, 6.4), a third of the MD5's cost.
    """
    key = sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in table.key)
    if table.counted:
        # The first remainder keeps the product within 63 bits.
        return sql.SQL("abs({}::int8 % 2147483647) * 2654435761 % 4294967296 < 268435456").format(key)
    text = sql.SQL("ROW({})").format(key) if table.key else sql.SQL("(t.*)")
    return sql.SQL("starts_with(md5({}::text), '0')").format(text)


def _highest(column: Column, until: datetime, source: sql.Composable | None) -> sql.Composable:
    """The highest value of the rows that are read anyway, or the one of a source, which an index gives."""
    name = sql.SQL("t.{}").format(sql.Identifier(column.column))
    within = _within(column, name, until)
    if source is None:
        most = sql.SQL("max({}) FILTER (WHERE {})").format(name, within)
    else:
        most = sql.SQL("(SELECT max({}) {} WHERE {})").format(name, source, within)
    if column.type in TIMES:
        return sql.SQL("nullif(greatest({}, {}), {})::timestamptz").format(most, _OLDEST, _OLDEST)
    return sql.SQL("trunc({}::numeric)::int8").format(most)


def _within(column: Column, name: sql.Composable, until: datetime) -> sql.Composable:
    # Of the column's own type: a comparison across types converts each row.
    limits = {
        "timestamptz": until,
        "timestamp": until.astimezone(UTC).replace(tzinfo=None),
        "date": until.astimezone(UTC).date(),
        "numeric": _INT8_MAX,
    }
    if column.type not in limits:
        return sql.SQL("true")
    return sql.SQL("{} <= {}").format(name, sql.Literal(limits[column.type]))
