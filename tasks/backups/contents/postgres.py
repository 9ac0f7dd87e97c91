"""The contents of a PostgreSQL database: its schema, and counts, newest times and hashes of its rows, but no row."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from datetime import UTC
from queue import SimpleQueue
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from tasks.backups import facts
from tasks.backups.contents import catalogue
from tasks.backups.contents.catalogue import TIMES, Column, Numbering, Table
from tasks.backups.contents.encoding import UNCHECKED, not_utf8
from tasks.backups.contents.kinds import KINDS
from tasks.backups.contents.large_objects import read_large_objects
from tasks.backups.contents.schema import DEFINITIONS, schema_lines
from tasks.backups.contents.since import oldest_since, young_definitions, young_rows
from tasks.backups.contents.table_scan import Scan
from tasks.backups.contents.wanted import MIXED, SMALL_ROWS, WHOLE, ProgressCallback, Wanted
from tasks.backups.facts import Contents, TableContents, Violation
from tasks.check_result import msg
from tasks.database.connection import interrupt
from tasks.observation import ObservationError, printable

Row = tuple[Any, ...]
Connection = psycopg.Connection[Any]
Highest = Mapping[tuple[int, str], Any]
"""Highest values by the table's oid and the column's name, of the columns that were read."""

_SETTINGS = {
    "search_path": "",
    # Rows that the role may not see are an error, not fewer rows.
    "row_security": "off",
    "client_encoding": "UTF8",
    "quote_all_identifiers": "off",
    # What the text of a row depends on.
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
}
# A damaged index must not hide a row.
_WITHOUT_INDEXES = {"enable_indexscan": "off", "enable_indexonlyscan": "off", "enable_bitmapscan": "off"}


def read_contents(
    connections: Sequence[Connection], wanted: Wanted, report_progress: ProgressCallback | None = None
) -> Contents:
    """All that is known of a database, in one snapshot if there is one connection.

    More connections read as many tables at once, the largest first: for a copy that nobody writes to. A transaction
    that is open is used, and left open as it was. `report_progress` gets how many tables are done, and of how many.
    Raises ObservationError where the role would see less than there is, psycopg.Error as it comes.
    """
    try:
        with ExitStack() as opened:
            for connection in connections:
                opened.enter_context(_snapshot(connection, wanted))
            return _read(connections, wanted, report_progress)
    except psycopg.errors.CharacterNotInRepertoire:
        raise ObservationError(msg("A name or a definition in the database is not valid UTF-8")) from None


@contextmanager
def _snapshot(connection: Connection, wanted: Wanted) -> Iterator[None]:
    own = connection.info.transaction_status is TransactionStatus.IDLE
    # The rollback gives an open transaction its settings back.
    with connection.transaction(force_rollback=True):
        if own:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for name, value in (_SETTINGS | (_WITHOUT_INDEXES if wanted.violations else {})).items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        yield


def _read(connections: Sequence[Connection], wanted: Wanted, report_progress: ProgressCallback | None) -> Contents:
    first = connections[0]
    # Sequences stand in no snapshot: read first, they are behind those of a dump that is made at the same time.
    numberings = catalogue.numberings(first)
    about, tables = catalogue.about(first), catalogue.tables(first)
    _require_all_seen(about.role, tables, numberings)
    scans = _scans(tables, catalogue.columns(first), numberings, wanted)
    rows = _rows(connections, scans, wanted, report_progress)
    highest = {
        (scan.table.oid, column.column): value
        for scan, row in zip(scans, rows, strict=True)
        for column, value in zip(scan.columns, row[3 : 3 + len(scan.columns)], strict=True)
    }
    first_age = oldest_since([age for scan, row in zip(scans, rows, strict=True) for age in _ages(scan, row)])
    since = {} if first_age is None else _written_since(first, scans, rows, first_age)
    contents = [_contents(scan, row, highest, since.get(scan.table.oid)) for scan, row in zip(scans, rows, strict=True)]
    return Contents(
        database=about.database,
        server_version=f"{about.version // 10000}.{about.version % 10000}",
        encoding=about.encoding,
        schema=schema_lines(first, (*DEFINITIONS, *KINDS.values())),
        tables=tuple(sorted(contents, key=lambda table: table.name)),
        sequences=tuple(sorted((_sequence(n, highest) for n in numberings), key=lambda s: (s.name, s.column))),
        roles=tuple(sorted(about.roles)),
        extensions=tuple(sorted(about.extensions)),
        bytes=about.bytes,
        content_rule=wanted.content_rule,
        violations=_violations(connections) if wanted.violations else (),
        kinds=tuple(KINDS),
        large_objects=read_large_objects(first, wanted.content_rule),
        not_utf8=() if about.encoding != UNCHECKED or wanted.running else not_utf8(first, tables),
        young=() if first_age is None else young_definitions(first, first_age),
    )


def _ages(scan: Scan, row: Row) -> Row:
    """The oldest transactions after the backup, where the rows after it were asked for."""
    return row[len(row) - len(scan.stamps) :] if len(row) > 3 + len(scan.columns) else ()


def _written_since(connection: Connection, scans: Sequence[Scan], rows: Sequence[Row], age: int) -> dict[int, int]:
    """How many rows of each small table were written since the backup, by its oid."""
    small = [scan for scan, row in zip(scans, rows, strict=True) if scan.exact and 0 < row[0] <= SMALL_ROWS]
    counts = _answers([connection], [young_rows(scan.table, age) for scan in small], None)
    return {scan.table.oid: count for scan, (count,) in zip(small, counts, strict=True)}


def _rows(
    connections: Sequence[Connection],
    scans: Sequence[Scan],
    wanted: Wanted,
    report_progress: ProgressCallback | None,
) -> list[Row]:
    """Each table's rows, hash and highest values; a small table is hashed whole."""
    rule = wanted.content_rule
    rows = _answers(connections, [scan.statement(wanted, rule) for scan in scans], report_progress)
    if rule != MIXED:
        return rows
    small = [n for n, row in enumerate(rows) if scans[n].exact and row[0] <= SMALL_ROWS]
    whole = _answers(connections, [scans[n].statement(wanted, WHOLE) for n in small], None)
    return [dict(zip(small, whole, strict=True)).get(n, row) for n, row in enumerate(rows)]


def _require_all_seen(role: str, tables: Sequence[Table], numberings: Sequence[Numbering]) -> None:
    unreadable = [table.name for table in tables if not table.readable]
    unreadable += [numbering.name for numbering in numberings if not numbering.readable]
    if unreadable:
        raise ObservationError(
            msg(
                "The role may not read {name}: GRANT pg_read_all_data TO {role}, "
                "or GRANT SELECT on it and USAGE on its schema",
                name=printable(unreadable[0], 130),
                role=printable(role, 63),
            )
        )
    for table in tables:
        if table.hidden:
            raise ObservationError(
                msg(
                    "Row-level security hides rows of {table} from the role: ALTER ROLE {role} BYPASSRLS",
                    table=printable(table.name, 130),
                    role=printable(role, 63),
                )
            )


def _scans(
    tables: Sequence[Table], columns: Sequence[Column], numberings: Sequence[Numbering], wanted: Wanted
) -> list[Scan]:
    numbered = {(oid, numbering.column) for numbering in numberings for oid in numbering.tables}
    of_table: dict[int, list[Column]] = {table.oid: [] for table in tables}
    for column in columns:
        if column.oid in of_table and (column.type in TIMES or (column.oid, column.column) in numbered):
            of_table[column.oid].append(column)
    exact = {table.oid: wanted.exact_rows is None or table.estimate <= wanted.exact_rows for table in tables}
    return [
        Scan(table, exact[table.oid], tuple(c for c in of_table[table.oid] if c.indexed or exact[table.oid]))
        for table in tables
    ]


def _contents(scan: Scan, row: Row, highest: Highest, written_since: int | None) -> TableContents:
    rows, hashed, total = row[:3]
    times = ((column.name, highest[column.oid, column.column]) for column in scan.columns if column.type in TIMES)
    first = 3 + len(scan.columns)
    since = min((count for count in row[first : first + len(scan.times)] if count), default=written_since)
    return TableContents(
        name=scan.table.name,
        rows=rows if scan.exact else round(scan.table.estimate),
        exact=scan.exact,
        newest=tuple((name, at.astimezone(UTC)) for name, at in times if at is not None),
        content="" if hashed is None else f"{hashed}:{int(total or 0):x}",
        since=since,
    )


def _sequence(numbering: Numbering, highest: Highest) -> facts.Sequence:
    parts = [(oid, numbering.column) for oid in numbering.tables]
    # A part that was not read may have the highest.
    seen = [highest[part] for part in parts] if all(part in highest for part in parts) else []
    most = max((value for value in seen if value is not None), default=None)
    return facts.Sequence(numbering.name, numbering.of, numbering.last, most)


def _violations(connections: Sequence[Connection]) -> tuple[Violation, ...]:
    rules = catalogue.rules(connections[0])
    counts = _answers(connections, [rule.statement.encode() for rule in rules], None)
    return tuple(
        Violation(rule.constraint, rule.table, rows) for rule, (rows,) in zip(rules, counts, strict=True) if rows
    )


def _answers(
    connections: Sequence[Connection],
    statements: Sequence[sql.Composed | bytes],
    report_progress: ProgressCallback | None,
) -> list[Row]:
    """The one row of each statement; a connection that is free takes the next."""
    free: SimpleQueue[Connection] = SimpleQueue()
    for connection in connections:
        free.put(connection)

    def answer(statement: sql.Composed | bytes) -> Row:
        connection = free.get()
        try:
            return connection.cursor(row_factory=tuple_row).execute(statement).fetchall()[0]
        finally:
            free.put(connection)

    with ThreadPoolExecutor(len(connections), thread_name_prefix="contents") as pool:
        answers = [pool.submit(answer, statement) for statement in statements]
        try:
            for done, ready in enumerate(as_completed(answers), start=1):
                ready.result()
                if report_progress is not None:
                    report_progress(done, len(answers))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for connection in connections:
                interrupt(connection)
            raise
        return [ready.result() for ready in answers]
