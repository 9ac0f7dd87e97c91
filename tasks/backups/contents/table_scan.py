"""One reading of a table: how many rows, a hash of them and the highest values of some columns."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

from psycopg import sql

from tasks.backups.contents.catalogue import TIMES, Column, Table
from tasks.backups.contents.wanted import WHOLE, Wanted

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

    @property
    def times(self) -> tuple[Column, ...]:
        """The columns of times."""
        return tuple(column for column in self.columns if column.type in TIMES)

    @property
    def stamps(self) -> tuple[Column, ...]:
        """The columns that say when their row was written."""
        return tuple(column for column in self.times if column.stamp)

    def statement(self, wanted: Wanted, rule: str) -> sql.Composed:
        """Asks for one row: rows, rows in the hash, the hash, then the highest value of each column; of a running
        database also the rows after the backup by each column of times, and their oldest transaction by each stamp.

        Every value is a literal: beside parameters, a % in a name would be one too.
        """
        source = sql.SQL("FROM ONLY {} AS t").format(sql.Identifier(self.table.schema, self.table.table))
        if not self.exact:
            highest = [_highest(column, wanted, source) for column in self.columns]
            return sql.SQL("SELECT {}").format(sql.SQL(", ").join([_NOTHING, _NOTHING, _NOTHING, *highest]))
        highest = [_highest(column, wanted, None) for column in self.columns]
        since = [_since(column, wanted, "count(*)") for column in self.times] if wanted.running else []
        since += [_since(column, wanted, "max(age(t.xmin))") for column in self.stamps] if wanted.running else []
        row = [sql.SQL("count(*)"), *_hash(self.table, rule), *highest, *since]
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


def _since(column: Column, wanted: Wanted, figure: LiteralString) -> sql.Composable:
    """A figure of the rows that are after the backup and not in the future."""
    name = sql.SQL("t.{}").format(sql.Identifier(column.column))
    until = sql.Literal(_limits(wanted)[column.type])
    return sql.SQL(figure + " FILTER (WHERE {0} > {1} AND {0} <= now())").format(name, until)


def _highest(column: Column, wanted: Wanted, source: sql.Composable | None) -> sql.Composable:
    """The highest value of the rows that are read anyway, or the one of a source, which an index gives."""
    name = sql.SQL("t.{}").format(sql.Identifier(column.column))
    within = _within(column, name, wanted)
    if source is None:
        most = sql.SQL("max({}) FILTER (WHERE {})").format(name, within)
    else:
        most = sql.SQL("(SELECT max({}) {} WHERE {})").format(name, source, within)
    if column.type in TIMES:
        return sql.SQL("nullif(greatest({}, {}), {})::timestamptz").format(most, _OLDEST, _OLDEST)
    return sql.SQL("trunc({}::numeric)::int8").format(most)


def _within(column: Column, name: sql.Composable, wanted: Wanted) -> sql.Composable:
    limits = _limits(wanted)
    if column.type not in limits:
        return sql.SQL("true")
    return sql.SQL("{} <= {}").format(name, sql.Literal(limits[column.type]))


def _limits(wanted: Wanted) -> dict[str, datetime | date | int]:
    """The highest value that is taken, of the column's own type: a comparison across types converts each row."""
    until = wanted.until.astimezone(UTC)
    return {
        "timestamptz": wanted.until,
        "timestamp": until.replace(tzinfo=None),
        "date": until.date() - timedelta(days=1) if wanted.running else until.date(),
        "numeric": _INT8_MAX,
    }
