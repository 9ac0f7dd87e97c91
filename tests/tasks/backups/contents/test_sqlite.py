"""What is read of an SQLite file, live or at rest, and that nothing is written for it."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.backups.contents.sqlite import read_sqlite_contents
from tasks.backups.contents.wanted import MIXED, Wanted
from tasks.backups.facts import Contents, Sequence, Violation
from tasks.observation import ObservationError

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SCHEMA = """
CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,   maker INTEGER REFERENCES makers(id),
    what, placed_at DATETIME, sent DATE, "seen time" TIMESTAMP
);
CREATE INDEX ix_orders_maker ON orders (maker);
CREATE VIEW late AS SELECT * FROM orders;
CREATE TABLE pairs (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
PRAGMA user_version = 7;
"""


def made(file: Path, *more: str, journal: str = "DELETE", encoding: str = "UTF-8") -> Path:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO makers VALUES (1, 'tofu')")
        connection.executemany(
            "INSERT INTO orders (maker, what, placed_at) VALUES (1, ?, ?)",
            [(f"thing {n}", f"{NOW - timedelta(hours=n):%Y-%m-%d %H:%M:%S.%f}") for n in range(1, 201)],
        )
        connection.executemany("INSERT INTO pairs VALUES (?, ?)", [(f"k{n}", n) for n in range(200)])
        for statement in more:
            connection.execute(statement)
        connection.commit()
    return file


def read(file: Path, content_rule: str = "", violations: bool = False) -> Contents:
    return read_sqlite_contents(file, Wanted(NOW, content_rule, violations=violations), database="shop")


def content_of(file: Path, table: str, rule: str = "whole") -> str:
    found = read(file, rule).table(table)
    assert found is not None
    return found.content


def changed(file: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement
        connection.commit()
    return file


def everything_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def as_nobody() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)  # the superuser may read everything
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_contents(tmp_path: Path) -> None:
    contents = read(made(tmp_path / "shop.db"))
    assert (contents.database, contents.server_version, contents.encoding) == ("shop", sqlite3.sqlite_version, "UTF8")
    assert contents.schema == (
        "index ix_orders_maker: CREATE INDEX ix_orders_maker ON orders (maker)",
        "table makers: CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT)",
        "table orders: CREATE TABLE orders ( id INTEGER PRIMARY KEY, maker INTEGER REFERENCES makers(id),"
        ' what, placed_at DATETIME, sent DATE, "seen time" TIMESTAMP )',
        "table pairs: CREATE TABLE pairs (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "view late: CREATE VIEW late AS SELECT * FROM orders",
        "user_version 7",
    )
    assert [(table.name, table.rows, table.exact) for table in contents.tables] == [
        ("makers", 1, True),
        ("orders", 200, True),
        ("pairs", 200, True),
    ]
    orders = contents.table("orders")
    assert orders is not None
    assert orders.newest == (("placed_at", NOW - timedelta(hours=1)),)
    assert contents.bytes == (tmp_path / "shop.db").stat().st_size
    assert all(table.content == "" for table in contents.tables)
    assert (contents.violations, contents.content_rule) == ((), "")


@pytest.mark.parametrize(
    ("value", "newest"),
    [
        ("'2026-11-25 11:59:59.999999'", NOW - timedelta(microseconds=1)),
        ("'2026-11-25 12:00:00.000000'", NOW),
        ("'2026-11-25 12:00:00.000001'", NOW - timedelta(hours=1)),
        ("'2026-11-25T20:59:00+09:00'", NOW - timedelta(minutes=1)),
        ("'2026-11-25T11:59:00Z'", NOW - timedelta(minutes=1)),
        ("'9999-99-99 00:00:00'", NOW - timedelta(hours=1)),
        ("'gone'", NOW - timedelta(hours=1)),
        ("1795600000", NOW - timedelta(hours=1)),
        ("20261125", NOW - timedelta(hours=1)),
        ("x'323032362d31312d3235'", NOW - timedelta(hours=1)),
        ("CAST(x'32303236ff' AS TEXT)", NOW - timedelta(hours=1)),
        ("'0001-01-01T00:00:00+23:59'", NOW - timedelta(hours=1)),
    ],
)
def test_the_newest_time_is_the_latest_that_is_one_and_not_after_the_backup(
    tmp_path: Path, value: str, newest: datetime
) -> None:
    file = made(tmp_path / "shop.db", f"INSERT INTO orders (placed_at) VALUES ({value})")
    orders = read(file).table("orders")
    assert orders is not None
    assert orders.newest == (("placed_at", newest),)


def test_a_date_and_a_column_with_a_space_are_times(tmp_path: Path) -> None:
    file = made(tmp_path / "shop.db", "UPDATE orders SET sent = '2026-11-20', \"seen time\" = '2026-11-21 01:00:00'")
    orders = read(file).table("orders")
    assert orders is not None
    assert dict(orders.newest) == {
        "placed_at": NOW - timedelta(hours=1),
        "sent": datetime(2026, 11, 20, tzinfo=UTC),
        "seen time": datetime(2026, 11, 21, 1, tzinfo=UTC),
    }


def test_no_row_has_no_newest_time(tmp_path: Path) -> None:
    orders = read(made(tmp_path / "shop.db", "DELETE FROM orders")).table("orders")
    assert orders is not None
    assert (orders.rows, orders.newest) == (0, ())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE orders SET what = 'Thing 7' WHERE id = 7",
        "UPDATE orders SET what = CAST(what AS BLOB) WHERE id = 7",
        "UPDATE orders SET what = NULL WHERE id = 7",
        "UPDATE orders SET placed_at = '2026-11-25 05:00:00.000001' WHERE id = 7",
        "UPDATE orders SET id = 777 WHERE id = 7",
    ],
)
def test_a_changed_row_changes_the_hash_and_no_count(tmp_path: Path, change: str) -> None:
    file = made(tmp_path / "shop.db")
    before = read(file, "whole")
    after = read(changed(file, change), "whole")
    assert [table.rows for table in after.tables] == [table.rows for table in before.tables]
    assert [a.name for a, b in zip(after.tables, before.tables, strict=True) if a.content != b.content] == ["orders"]


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1", "'1'"), ("'a'", "x'61'"), ("NULL", "''")])
def test_values_of_two_kinds_are_two_values(tmp_path: Path, one: str, other: str) -> None:
    hashes = []
    for number, value in enumerate((one, other)):
        file = made(tmp_path / f"{number}.db", "CREATE TABLE t (x)", f"INSERT INTO t VALUES ({value})")
        hashes.append(content_of(file, "t"))
    assert hashes[0] != hashes[1]


def test_the_hash_knows_no_order_but_how_often(tmp_path: Path) -> None:
    table = "CREATE TABLE t (x)"
    rows = [f"INSERT INTO t VALUES ({value})" for value in (1, 2, 2, 3)]
    one = content_of(made(tmp_path / "1.db", table, *rows), "t")
    assert one == content_of(made(tmp_path / "2.db", table, *reversed(rows)), "t")
    assert one != content_of(made(tmp_path / "3.db", table, rows[0], rows[3], rows[3], rows[3]), "t")
    assert len(one) == 32


def test_text_that_is_no_text_is_hashed(tmp_path: Path) -> None:
    table = "CREATE TABLE t (x)"
    hashes = {
        content_of(made(tmp_path / f"{byte}.db", table, f"INSERT INTO t VALUES (CAST(x'{byte}' AS TEXT))"), "t")
        for byte in ("ff", "fe", "efbfbd")
    }
    assert len(hashes) == 3


def test_the_sample_is_a_sixteenth_and_the_same_in_every_copy(tmp_path: Path) -> None:
    file = made(tmp_path / "shop.db")
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    for table in ("orders", "pairs"):
        assert content_of(copy, table, "1/16") == content_of(file, table, "1/16") != content_of(file, table)
    for table, key, statement in (
        ("orders", "id", "UPDATE orders SET what = 'x' WHERE id = {}"),
        ("pairs", "b", "UPDATE pairs SET a = 'x' WHERE b = {}"),
    ):
        seen = 0
        for number in range(1, 65):
            before = content_of(file, table, "1/16")
            with closing(sqlite3.connect(file)) as connection:
                if connection.execute(f"SELECT 1 FROM {table} WHERE {key} = {number}").fetchone():
                    connection.execute(statement.format(number))
                    connection.commit()
            seen += content_of(file, table, "1/16") != before
        assert 1 <= seen <= 14, table


def test_a_column_may_be_named_rowid(tmp_path: Path) -> None:
    file = made(
        tmp_path / "shop.db", 'CREATE TABLE "a ""b"" --" (rowid TEXT, x)', 'INSERT INTO "a ""b"" --" VALUES (1, 2)'
    )
    found = read(file, "1/16").table('a "b" --')
    assert found is not None
    assert found.rows == 1


def test_small_tables_are_hashed_whole_and_numbers_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "small.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE small (id INTEGER PRIMARY KEY AUTOINCREMENT, what BLOB)")
        connection.execute("INSERT INTO small VALUES (1, x'00'), (9, x'01')")
        connection.execute("DELETE FROM small WHERE id = 9")
        connection.commit()
    assert content_of(file, "small", MIXED) == content_of(file, "small", "whole")
    assert read(file).sequences == (Sequence("small", "small.rowid", 9, 1),)


def test_another_rule_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1/8"):
        read(made(tmp_path / "shop.db"), "1/8")


def test_orphans_are_found_and_counted(tmp_path: Path) -> None:
    file = made(tmp_path / "shop.db", "INSERT INTO orders (maker) VALUES (8), (9), (9)")
    assert read(file, violations=True).violations == (Violation("fk 0 to makers", "orders", 3),)
    assert read(file).violations == ()


def test_progress_is_reported_by_table(tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    read_sqlite_contents(made(tmp_path / "s.db"), Wanted(NOW), lambda *done: progress.append(done), database="shop")
    assert progress == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-8"])
def test_the_encoding(tmp_path: Path, encoding: str) -> None:
    contents = read(made(tmp_path / "shop.db", encoding=encoding), "1/16")
    assert contents.encoding == encoding.replace("-", "").upper()
    orders = contents.table("orders")
    assert orders is not None
    assert orders.newest == (("placed_at", NOW - timedelta(hours=1)),)


def test_a_virtual_table_is_read_by_the_tables_behind_it(tmp_path: Path) -> None:
    contents = read(
        made(tmp_path / "s.db", "CREATE VIRTUAL TABLE f USING fts5(x)", "INSERT INTO f VALUES ('a')"), "whole"
    )
    assert any(line.startswith("table f: CREATE VIRTUAL TABLE f USING fts5(x)") for line in contents.schema)
    behind = contents.table("f_content")
    assert behind is not None
    assert (behind.rows, contents.table("f")) == (1, None)


@pytest.mark.parametrize(
    "computed", ["hex(zeroblob(400000000))", "instr(hex(zeroblob(20000000)), hex(zeroblob(5000000)) || '1')"]
)
def test_what_a_file_computes_is_bounded_by_what_it_could_hold(tmp_path: Path, computed: str) -> None:
    file = made(tmp_path / "s.db", f"ALTER TABLE makers ADD COLUMN bomb AS ({computed}) VIRTUAL")
    began = time.monotonic()
    with pytest.raises(ObservationError, match="string or blob too big"):
        read(file, "whole")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("value", ["randomblob(4000000)", "replace(hex(zeroblob(4000000)), '00', char(39))"])
def test_a_value_as_long_as_its_file_is_read(tmp_path: Path, value: str) -> None:
    file = made(tmp_path / "s.db", f"INSERT INTO makers SELECT 2, {value}")
    assert content_of(file, "makers") != content_of(made(tmp_path / "other.db"), "makers")


@pytest.mark.parametrize("name", ["a b.db", "a?mode=memory.db", "a#b.db", "a\nb.db", "--help", "a%41.db", "ü日.db"])
def test_any_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    file = made(tmp_path / name, journal="WAL")
    assert len(read(file).tables) == 3


def test_a_live_wal_database_is_read_with_its_last_commit_and_left_as_it_is(tmp_path: Path) -> None:
    file = made(tmp_path / "shop.db", journal="WAL")
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("INSERT INTO orders (what) VALUES ('committed')")
        writer.commit()
        writer.execute("INSERT INTO orders (what) VALUES ('not yet')")
        before = everything_in(tmp_path)
        orders = read(file, "whole").table("orders")
        after = everything_in(tmp_path)
        assert orders is not None
        assert orders.rows == 201
        for ending in ("", "-wal"):
            assert after[f"shop.db{ending}"] == before[f"shop.db{ending}"]
        assert after.keys() == before.keys()
        writer.commit()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (202,)


def test_reading_releases_no_lock_of_this_process(tmp_path: Path) -> None:
    # POSIX locks belong to the process: a plain open and close of the file would drop those of the writer's connection.
    file = made(tmp_path / "shop.db")
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert len(read(file, "whole", violations=True).tables) == 3
        other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
        done = subprocess.run([sys.executable, "-c", other, str(file)], capture_output=True, text=True, timeout=60)
        assert "database is locked" in done.stderr


def test_a_wal_database_at_rest_is_read_by_a_user_who_may_not_write(open_folder: Path) -> None:
    file = made(open_folder / "shop.db", journal="WAL")
    file.chmod(0o644)
    open_folder.chmod(0o555)
    before = everything_in(open_folder)
    with as_nobody():
        assert len(read(file).tables) == 3
    open_folder.chmod(0o755)
    assert everything_in(open_folder) == before == {"shop.db": file.read_bytes()}


def test_missing_permission_is_reported(open_folder: Path) -> None:
    file = made(open_folder / "shop.db")
    file.chmod(0o600 if os.geteuid() == 0 else 0)
    with as_nobody(), pytest.raises(ObservationError, match=r"shop\.db cannot be read: Permission denied"):
        read(file)


def test_a_missing_file_is_reported_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=r"no\\u000ane\.db cannot be read: No such file or directory"):
        read(tmp_path / "no\nne.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_kind_is_reported(tmp_path: Path) -> None:
    (tmp_path / "page.db").write_text("<!DOCTYPE html><html>502 Bad Gateway</html>" * 100)
    with pytest.raises(ObservationError, match="is not an SQLite database"):
        read(tmp_path / "page.db")


def test_damage_is_reported(tmp_path: Path) -> None:
    file = made(tmp_path / "shop.db")
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(ObservationError, match="is a damaged SQLite database: database disk image is malformed"):
        read(file)


def test_a_lock_is_reported(tmp_path: Path) -> None:
    file = made(tmp_path / "shop.db")
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ObservationError, match="is locked by another process"):
            read_sqlite_contents(file, Wanted(NOW), database="shop", deadline_s=0.2)


def test_the_deadline_is_kept(tmp_path: Path) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) INSERT INTO t SELECT i FROM n"
    file = made(tmp_path / "shop.db", "CREATE TABLE t (x)", many)
    with pytest.raises(ObservationError, match=r"reading took more than 0\.05 s|reading took more than 0\.1 s"):
        read_sqlite_contents(file, Wanted(NOW, "whole"), database="shop", deadline_s=0.05)
