"""Reads the contents of an SQLite file."""

import hashlib
import math
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tasks.backups.contents.sqlite_file import lenient, pragma, read_sqlite, sqlite_reason
from tasks.backups.contents.wanted import MIXED, SAMPLED, SMALL_ROWS, WHOLE, ProgressCallback, Wanted
from tasks.backups.facts import Contents, Sequence, TableContents, Violation
from tasks.observation import ObservationError

_WHICH_ROWS: Final = {WHOLE: "", SAMPLED: " WHERE sampled({key})"}
# Only such a text goes to Python, which would refuse one that is no UTF-8.
_LIKE_A_TIME: Final = "typeof({c}) = 'text' AND {c} GLOB '[0-9]*' AND {c} NOT GLOB '*[^-0-9T:.+Z ]*'"


def read_sqlite_contents(
    file: Path,
    wanted: Wanted,
    report_progress: ProgressCallback | None = None,
    *,
    database: str,
    deadline_s: float = math.inf,
) -> Contents:
    """The contents of a live or restored file, under the name `database`; every row is counted.

    `report_progress` gets tables. Raises ObservationError.
    """

    def work(connection: sqlite3.Connection) -> Contents:
        connection.create_aggregate("newest", 1, lambda: _Newest(wanted.until))
        connection.create_function("sampled", -1, _sampled, deterministic=True)
        tables = _tables(connection, wanted.content_rule, report_progress)
        pages, size = (pragma(connection, name) for name in ("page_count", "page_size"))
        return Contents(
            database=database,
            server_version=sqlite3.sqlite_version,
            encoding=pragma(connection, "encoding").replace("-", "").upper(),
            schema=_schema(connection),
            tables=tables,
            sequences=_sequences(connection),
            bytes=pages * size,
            content_rule=wanted.content_rule,
            violations=_violations(connection) if wanted.violations else (),
        )

    try:
        return read_sqlite(file, work, deadline_s)
    except (sqlite3.Error, UnicodeError) as error:  # a name in a damaged schema may be no text
        raise ObservationError(sqlite_reason(error, file, deadline_s)) from None


def _schema(connection: sqlite3.Connection) -> tuple[str, ...]:
    objects = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    lines = sorted(f"{kind} {name}: {' '.join((sql or '').split())}" for kind, name, sql in objects)
    return (*lines, f"user_version {pragma(connection, 'user_version')}")


def _sequences(connection: sqlite3.Connection) -> tuple[Sequence, ...]:
    """The numbers given by AUTOINCREMENT: SQLite keeps them in a table of its own, and only where there is one."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
        return ()
    found = connection.execute("SELECT name, seq FROM sqlite_sequence WHERE typeof(seq) = 'integer' ORDER BY 1")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return tuple(
        Sequence(
            name, f"{name}.rowid", last, connection.execute(f"SELECT max(rowid) FROM {_quoted(name)}").fetchone()[0]
        )
        for name, last in found.fetchall()
        if name in tables
    )


def _tables(
    connection: sqlite3.Connection, rule: str, report_progress: ProgressCallback | None
) -> tuple[TableContents, ...]:
    # The data of a virtual table is in ordinary ones, and its module may not be there.
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " AND sql NOT LIKE 'CREATE VIRTUAL %' ORDER BY name"
    )
    names = [name for (name,) in found]
    tables = []
    for done, name in enumerate(names, start=1):
        tables.append(_table(connection, name, rule))
        if report_progress is not None:
            report_progress(done, len(names))
    return tuple(tables)


def _table(connection: sqlite3.Connection, name: str, rule: str) -> TableContents:
    columns = connection.execute(f"PRAGMA table_info({_quoted(name)})").fetchall()
    times = [column[1] for column in columns if "DATE" in column[2].upper() or "TIME" in column[2].upper()]
    asked = "".join(f", newest(CASE WHEN {_LIKE_A_TIME.format(c=c)} THEN {c} END)" for c in map(_quoted, times))
    rows, *newest = connection.execute(f"SELECT count(*){asked} FROM {_quoted(name)}").fetchone()
    known = ((column, datetime.fromisoformat(at)) for column, at in zip(times, newest, strict=True) if at is not None)
    if rule == MIXED:
        rule = WHOLE if rows <= SMALL_ROWS else SAMPLED
    return TableContents(name, rows, newest=tuple(known), content=_content(connection, name, columns, rule))


def _content(connection: sqlite3.Connection, name: str, columns: list[Any], rule: str) -> str:
    if not rule:
        return ""
    which = _WHICH_ROWS[rule].format(key=_key(connection, name, columns))
    connection.text_factory = bytearray  # not bytes: a text and a blob of the same bytes differ
    total = 0
    for row in connection.execute(f"SELECT * FROM {_quoted(name)}{which}"):
        total += int.from_bytes(_hash(row), "big")  # a sum: an exclusive or would not see a row that is there twice
    connection.text_factory = lenient
    return f"{total % 2**128:032x}"


def _key(connection: sqlite3.Connection, name: str, columns: list[Any]) -> str:
    taken = {column[1].lower() for column in columns}
    alias = next((alias for alias in ("rowid", "_rowid_", "oid") if alias not in taken), None)
    if alias is not None:
        try:
            connection.execute(f"SELECT {alias} FROM {_quoted(name)} LIMIT 0")
            return alias
        except sqlite3.OperationalError:  # a table WITHOUT ROWID
            pass
    primary = [column[1] for column in columns if column[5]] or [column[1] for column in columns]
    return ", ".join(f"CAST({_quoted(column)} AS BLOB)" for column in primary)


def _violations(connection: sqlite3.Connection) -> tuple[Violation, ...]:
    query = 'SELECT "table", fkid, parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2, 3 ORDER BY 1, 2'
    return tuple(
        Violation(f"fk {fk} to {parent}", table, rows) for table, fk, parent, rows in connection.execute(query)
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _hash(row: tuple[Any, ...]) -> bytes:
    return hashlib.md5(repr(row).encode(), usedforsecurity=False).digest()


def _sampled(*key: Any) -> bool:
    return _hash(key)[0] % 16 == 0


class _Newest:
    """The latest of many texts that are times, not after `until`."""

    def __init__(self, until: datetime) -> None:
        self._until = until
        self._newest: datetime | None = None

    def step(self, text: Any) -> None:
        if text is None:
            return
        try:
            parsed = datetime.fromisoformat(text)
            at = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
        except (ValueError, OverflowError):
            return
        if at <= self._until and (self._newest is None or at > self._newest):
            self._newest = at

    def finalize(self) -> Any:
        return None if self._newest is None else self._newest.isoformat()
