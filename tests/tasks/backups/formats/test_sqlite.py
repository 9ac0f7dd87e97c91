"""Copies of SQLite files: taken from a live one, checked, restored, and every damage named."""

import os
import random
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tasks.backups.errors import BadBackup
from tasks.backups.formats.sqlite_checks import check_sqlite_file, integrity_of
from tasks.backups.formats.sqlite_copies import restore_sqlite, take_sqlite
from tasks.check_result import Message
from tasks.observation import ObservationError

PATIENT_S = 120.0
PAGE = 4096
# Two tables that every transaction keeps equal, and a third that grows the file.
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
number = 0
while True:
    number += 1
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO a (x) VALUES (randomblob(300))")
    connection.execute("UPDATE big SET x = randomblob(2000) WHERE id % 50 = ?", (number % 50,))
    connection.execute("INSERT INTO b (x) VALUES (randomblob(300))")
    connection.execute("COMMIT")
    print(number, flush=True)
"""


def made(file: Path, journal: str = "WAL") -> Path:
    """A database of about 5 MB, of the same rows each time: which damage SQLite reports depends on where it is."""
    rows = random.Random(7)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={PAGE}")
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.executescript(
            "CREATE TABLE a (id INTEGER PRIMARY KEY, x); CREATE TABLE b (id INTEGER PRIMARY KEY, x);"
            "CREATE TABLE big (id INTEGER PRIMARY KEY, x); CREATE INDEX ix ON big (x);"
        )
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO big (x) VALUES (?)", ((rows.randbytes(1200),) for _ in range(2000)))
        connection.execute("COMMIT")
    return file


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return made(tmp_path_factory.mktemp("pristine") / "shop.db").read_bytes()


@pytest.fixture
def backup(pristine: bytes, tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    file = folder / "shop.db"
    file.write_bytes(pristine)
    return file


def message_text(message: Message | None) -> str:
    return "" if message is None else message.text.format(**message.params)


def climbed(file: Path, scratch: Path) -> str:
    """The error of the first step that fails for a file."""
    try:
        restored = scratch / "restored.db"
        restore_sqlite(file, restored, PATIENT_S)
        restored.unlink()
    except BadBackup as bad:
        restore_fault = message_text(bad.reason)
    else:
        restore_fault = ""
    return message_text(check_sqlite_file(file)) or message_text(integrity_of(file, PATIENT_S)) or restore_fault


def tables_leaf(data: bytes) -> int:
    """The number, from 0, of a page in the middle that is a leaf of a table with several rows."""
    leaves = [n for n in range(1, len(data) // PAGE) if data[n * PAGE] == 0x0D and data[n * PAGE + 4] > 1]
    return leaves[len(leaves) // 2]


def cut(left: Callable[[int], int]) -> Callable[[bytes], bytes]:
    return lambda data: data[: left(len(data))]


def put(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def with_page_flipped(data: bytes) -> bytes:
    at = tables_leaf(data) * PAGE
    return put(data, at + 8, bytes([data[at + 8] ^ 0xFF]))  # the place of its first row


def with_type_flipped(data: bytes) -> bytes:
    at = tables_leaf(data) * PAGE
    return put(data, at, bytes([data[at] ^ 0x10]))


BY_SQLITE = ("SQLite's integrity check found: ", "is a damaged SQLite database: ")
"""Of some damage the check gives a list, at other damage it gives up: it depends on the version and on the rows."""

DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str | tuple[str, str]]] = {
    "half": (cut(lambda size: size // 2), "The file is truncated"),
    "4 KB missing": (cut(lambda size: size - PAGE), "The file is truncated"),
    "1 byte missing": (cut(lambda size: size - 1), "The file is truncated"),
    "only 50 bytes": (cut(lambda _: 50), "within its header"),
    "zero length": (cut(lambda _: 0), "The file is empty"),
    "an error page": (lambda _: b"<!DOCTYPE html><p>502</p>" * 999, "it begins with <!DOCTYPE html>"),
    "garbage appended": (lambda data: data + b"garbage", "The file has 7 extra bytes at its end"),
    "a page appended": (lambda data: data + bytes(PAGE), "The file has 4096 extra bytes at its end"),
    "a bit flip in a page's index": (with_page_flipped, BY_SQLITE),
    "a bit flip in a page's type": (with_type_flipped, BY_SQLITE),
    "a zeroed block": (lambda data: put(data, tables_leaf(data) * PAGE, bytes(PAGE)), BY_SQLITE),
    "a zeroed first page": (lambda data: put(data, 0, bytes(PAGE)), "is not an SQLite database"),
    "a page size of 1000": (lambda data: put(data, 16, struct.pack(">H", 1000)), "header is damaged"),
    "another page size": (lambda data: put(data, 16, struct.pack(">H", 8192)), "is truncated"),
    "a newer SQLite format": (lambda data: put(data, 18, b"\3\3"), "has a newer SQLite format (3)"),
    "no fractions": (lambda data: put(data, 21, b"\0"), "header is damaged"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named(backup: Path, tmp_path: Path, what: str) -> None:
    damage, words = DAMAGE[what]
    data = backup.read_bytes()
    backup.write_bytes(damage(data))
    assert backup.read_bytes() != data
    named = climbed(backup, tmp_path)
    assert any(word in named for word in ((words,) if isinstance(words, str) else words)), named


def test_a_whole_file_has_no_fault_and_is_left_as_it_is(backup: Path, tmp_path: Path) -> None:
    before = backup.read_bytes(), backup.stat().st_mtime_ns
    assert climbed(backup, tmp_path) == ""
    assert (backup.read_bytes(), backup.stat().st_mtime_ns) == before
    assert list(backup.parent.iterdir()) == [backup]
    assert list(tmp_path.iterdir()) == [backup.parent]


@pytest.mark.parametrize("page", [512, 1024, 65536])
def test_every_page_size_is_sane(tmp_path: Path, page: int) -> None:
    file = tmp_path / "s.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA page_size={page}")
        connection.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1);")
    assert check_sqlite_file(file) is None
    os.truncate(file, file.stat().st_size - 1)
    assert "The file is truncated" in message_text(check_sqlite_file(file))


def test_a_page_count_that_was_not_maintained_is_ignored(backup: Path) -> None:
    data = backup.read_bytes()
    backup.write_bytes(put(put(data, 92, b"\0\0\0\0"), 28, struct.pack(">I", 3)))
    assert check_sqlite_file(backup) is None
    backup.write_bytes(put(data, 92, b"\0\0\0\0")[:-1])
    assert "not a whole number of 4096-byte pages" in message_text(check_sqlite_file(backup))


def test_many_problems_are_abbreviated(backup: Path) -> None:
    with closing(sqlite3.connect(backup)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE big SET x = NULL")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ', x)', ', x NOT NULL)') WHERE name = 'big'")
        connection.commit()
    found = message_text(integrity_of(backup, PATIENT_S))
    assert "NULL value in big.x" in found
    assert len(found) < 600
    assert "\n" not in found


def test_an_index_that_does_not_fit_its_table_is_found(tmp_path: Path) -> None:
    file = made(tmp_path / "s.db", "DELETE")
    with closing(sqlite3.connect(file)) as connection:  # hide the index, change a row, show it again
        connection.execute("PRAGMA writable_schema=ON")
        [root, sql] = connection.execute("SELECT rootpage, sql FROM sqlite_master WHERE name = 'ix'").fetchone()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'ix'")
        connection.commit()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE big SET x = 'other' WHERE id = 7")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("INSERT INTO sqlite_master VALUES ('index', 'ix', 'big', ?, ?)", (root, sql))
        connection.commit()
    assert "row 7 missing from index ix" in message_text(integrity_of(file, PATIENT_S))


def test_the_deadlines_are_no_verdict(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="reading took more than 0"):
        integrity_of(backup, 0.0)
    with pytest.raises(ObservationError, match="took more than 0"):
        restore_sqlite(backup, tmp_path / "restored.db", 0.0)
    with pytest.raises(ObservationError, match="took more than 0"):
        take_sqlite(backup, tmp_path / "taken.db", 0.0)
    assert list(tmp_path.iterdir()) == [backup.parent]


def test_a_restored_file_is_the_backup_and_for_this_user_alone(backup: Path, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    into = tmp_path / "restored.db"
    restore_sqlite(backup, into, PATIENT_S, lambda *done: progress.append(done))
    assert into.read_bytes()[100:] == backup.read_bytes()[100:]
    assert into.stat().st_mode & 0o777 == 0o600
    pages = backup.stat().st_size // PAGE
    assert progress[-1] == (pages, pages)
    assert [done for done, _ in progress] == sorted(done for done, _ in progress)
    assert len(progress) > 1


def test_a_restore_overwrites_nothing(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "there.db").write_text("kept")
    with pytest.raises(ObservationError, match=r"there\.db cannot be written: File exists"):
        restore_sqlite(backup, tmp_path / "there.db", PATIENT_S)
    assert (tmp_path / "there.db").read_text() == "kept"


def test_a_damaged_backup_leaves_no_copy(backup: Path, tmp_path: Path) -> None:
    os.truncate(backup, PAGE * 3)
    with pytest.raises(BadBackup, match="is a damaged SQLite database"):
        restore_sqlite(backup, tmp_path / "restored.db", PATIENT_S)
    assert list(tmp_path.iterdir()) == [backup.parent]


def test_a_file_of_no_bytes_restores_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with pytest.raises(BadBackup, match=r"empty\.db is empty"):
        restore_sqlite(tmp_path / "empty.db", tmp_path / "restored.db", PATIENT_S)


def test_what_stands_in_a_wal_beside_a_backup_is_restored(tmp_path: Path) -> None:
    live = made(tmp_path / "live.db")
    kept = tmp_path / "kept"
    kept.mkdir()
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("INSERT INTO a (x) VALUES ('late')")
        connection.commit()
        for ending in ("", "-wal"):
            (kept / f"b.db{ending}").write_bytes((tmp_path / f"live.db{ending}").read_bytes())
    assert check_sqlite_file(kept / "b.db") is None
    restore_sqlite(kept / "b.db", tmp_path / "restored.db", PATIENT_S)
    with closing(sqlite3.connect(tmp_path / "restored.db")) as connection:
        assert connection.execute("SELECT x FROM a").fetchall() == [("late",)]


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_copy_taken_while_another_process_writes_is_whole(tmp_path: Path, journal: str) -> None:
    live = made(tmp_path / "live.db", journal)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(live)], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "1\n"
        sizes = []
        for number in range(5):
            target = tmp_path / f"taken-{number}.db"
            take_sqlite(live, target, PATIENT_S)
            assert writer.poll() is None
            assert check_sqlite_file(target) is None
            assert integrity_of(target, PATIENT_S) is None
            with closing(sqlite3.connect(f"{target.as_uri()}?immutable=1", uri=True)) as connection:
                a, b, big = (connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("a", "b", "big"))
            assert (a, big) == (b, 2000)
            sizes.append(a)
        assert sizes[0] >= 1
        assert sizes == sorted(sizes)
        assert sizes[-1] > sizes[0], "nobody wrote meanwhile"
    finally:
        writer.kill()
        writer.communicate()
    assert target.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.parametrize("name", ["a b.db", "a?b.db", "a#b.db", "a\nb.db", "--help", "a%41.db"])
def test_any_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    live = made(tmp_path / name)
    folder = tmp_path / f"to {name}"
    folder.mkdir()
    take_sqlite(live, folder / name, PATIENT_S)
    assert climbed(folder / name, folder) == ""
    assert [path.name for path in folder.iterdir()] == [name]


@pytest.mark.parametrize("there", ["a file", "is a broken link", "a partial"])
def test_taking_overwrites_nothing(tmp_path: Path, there: str) -> None:
    live, target = made(tmp_path / "live.db"), tmp_path / "taken.db"
    if there == "is a broken link":
        target.symlink_to("nothing")
    else:
        (target if there == "a file" else tmp_path / "taken.db.partial").write_text("kept")
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(ObservationError, match=r"already exists|taken\.db\.partial cannot be written: File exists"):
        take_sqlite(live, target, PATIENT_S)
    assert {path.name for path in tmp_path.iterdir()} - {"live.db-wal", "live.db-shm"} == before


@pytest.mark.parametrize("what", ["no file", "an error page", "an empty file", "report_progress breaks"])
def test_nothing_is_left_of_a_copy_that_failed(tmp_path: Path, what: str) -> None:
    live = tmp_path / "live.db"
    if what == "report_progress breaks":
        made(live, "DELETE")
    elif what != "no file":
        live.write_text("<!DOCTYPE html>" * 99 if what == "an error page" else "")

    def report_progress(done: int, pages: int) -> None:
        if what == "report_progress breaks":
            raise RuntimeError

    with pytest.raises(RuntimeError if what == "report_progress breaks" else ObservationError):
        take_sqlite(live, tmp_path / "taken.db", PATIENT_S, report_progress)
    assert list(tmp_path.iterdir()) == ([] if what == "no file" else [live])


def test_a_target_without_a_folder_is_reported(tmp_path: Path) -> None:
    live = made(tmp_path / "live.db")
    with pytest.raises(ObservationError, match=r"taken\.db\.partial cannot be written: No such file or directory"):
        take_sqlite(live, tmp_path / "none" / "taken.db", PATIENT_S)


def test_an_unreadable_backup_is_no_verdict(tmp_path: Path) -> None:
    for look in (check_sqlite_file, lambda file: integrity_of(file, PATIENT_S)):
        with pytest.raises(ObservationError, match="cannot be read: No such file or directory"):
            look(tmp_path / "none.db")
    with pytest.raises(ObservationError, match="cannot be read: No such file or directory"):
        restore_sqlite(tmp_path / "none.db", tmp_path / "restored.db", PATIENT_S)
    assert list(tmp_path.iterdir()) == []
