"""Times in UTC, and every way in which a database cannot be used, explained in words."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import StatementError

from tasks.history.engine import HistoryError, UtcDateTime, open_history, reading, writing
from tasks.history.migrate import current, require_current
from tasks.history.runs import NewRun, RunKey, RunPlace, read_runs, record_run
from tasks.postgres.server import PostgresServer

KEY = RunKey("kondate", "daily-checklist", "2026-11-24", "hand")
Compose = Callable[[RunPlace], NewRun]
TIMES = Table("times", MetaData(), Column("id", Integer, primary_key=True), Column("at", UtcDateTime))
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}
WORK = """
import sys
from pathlib import Path
from tasks.history.engine import HistoryError, open_history, writing
from tasks.history.migrate import require_current
engine = open_history("sqlite:///history.db", Path(sys.argv[1]))
try:
    require_current(engine)
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE big (content)")
        for _ in range(100):
            connection.exec_driver_sql("INSERT INTO big VALUES (zeroblob(100000))")
except HistoryError as error:
    print(error)
"""


def in_a_mount_namespace(folder: Path, *mounts: str) -> str:
    """What a process says that works on `folder` with some mounts of its own; skips where that is not allowed."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare")
    own = [unshare, "--mount"] if os.geteuid() == 0 else [unshare, "--mount", "--map-root-user"]
    script = " && ".join((*mounts, "echo mounted", 'exec "$0" -c "$1" "$2"'))
    argv = [*own, "sh", "-c", script, sys.executable, WORK, str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    if not done.stdout.startswith("mounted\n"):
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    assert done.stderr == ""
    return done.stdout.removeprefix("mounted\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an SQLite history in it."""
    engine = open_history("sqlite:///history.db", tmp_path)
    require_current(engine)
    engine.dispose()
    return tmp_path


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(HistoryError) as refused:
        work()
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    return str(refused.value)


def test_times_come_back_in_utc(history: Engine) -> None:
    tokyo = datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
    with writing(history) as connection:
        TIMES.create(connection)
        connection.execute(insert(TIMES), [{"at": tokyo}, {"at": None}])
    with reading(history) as connection:
        back, nothing = connection.execute(select(TIMES.c.at).order_by(TIMES.c.id)).scalars()
    assert back == tokyo
    assert back.tzinfo is UTC
    assert nothing is None


def test_a_naive_time_is_refused(history: Engine) -> None:
    with writing(history) as connection:
        TIMES.create(connection)
    with pytest.raises(StatementError, match="without zone"), writing(history) as connection:
        connection.execute(insert(TIMES), {"at": datetime(2026, 11, 24, 9, 0)})
    with reading(history) as connection:
        assert connection.execute(select(TIMES)).all() == []


def test_a_reader_sees_one_moment(history: Engine, a_run: Callable[..., Compose]) -> None:
    record_run(history, KEY, a_run(KEY))
    count = "SELECT count(*) FROM runs"
    with reading(history) as connection:
        assert connection.exec_driver_sql(count).scalar_one() == 1
        record_run(history, KEY, a_run(KEY))
        assert connection.exec_driver_sql(count).scalar_one() == 1
    assert len(read_runs(history, "kondate", most=5)) == 2


def test_an_sqlite_file_is_kept_safe_from_power_loss(folder: Path) -> None:
    with reading(open_history("sqlite:///history.db", folder)) as connection:
        values = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in PRAGMAS}
    assert values == PRAGMAS


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as closed:
        port = closed.getsockname()[1]
    engine = open_history(f"postgresql://ops:hunter22@127.0.0.1:{port}/history", tmp_path)
    message = refusal(lambda: current(engine))
    assert message.startswith(f"history database postgresql+psycopg://ops:***@127.0.0.1:{port}/history: ")
    assert message.endswith("; check that it is reachable and that [history] url is right")
    assert "hunter22" not in message


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"postgresql://ops:hunter22@127.0.0.1:{silent.getsockname()[1]}/history?connect_timeout=2"
        began = time.monotonic()
        message = refusal(lambda: current(open_history(url, tmp_path)))
    assert 2 <= time.monotonic() - began < 60
    assert message.endswith("timeout expired; check that it is reachable and that [history] url is right")
    assert "hunter22" not in message


def test_a_wrong_password(own_postgres: PostgresServer, tmp_path: Path) -> None:
    rules = own_postgres.data / "pg_hba.conf"
    trusting = rules.read_text()
    with psycopg.connect(own_postgres.dsn, autocommit=True) as administrator:
        administrator.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        rules.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + trusting)
        administrator.execute("SELECT pg_reload_conf()")
        try:
            url = f"postgresql://guarded:hunter22@127.0.0.1:{own_postgres.port}/postgres"
            deadline = time.monotonic() + 60
            while "password authentication failed" not in (message := asked(url, tmp_path)):
                assert time.monotonic() < deadline, message
        finally:
            rules.write_text(trusting)
            administrator.execute("SELECT pg_reload_conf()")
            administrator.execute("DROP ROLE guarded")
    assert message.endswith('user "guarded"; check that it is reachable and that [history] url is right')
    assert "hunter22" not in message


def asked(url: str, folder: Path) -> str:
    """The refusal of an address, or nothing while the server still lets everybody in."""
    engine = open_history(url, folder)
    try:
        current(engine)
    except HistoryError as error:
        return str(error)
    finally:
        engine.dispose()
    return ""


def test_a_role_that_may_not_create_tables(own_postgres: PostgresServer, tmp_path: Path) -> None:
    with psycopg.connect(own_postgres.dsn, autocommit=True) as administrator:
        administrator.execute("CREATE ROLE reader LOGIN")
        message = asked_to_create(f"postgresql://reader@127.0.0.1:{own_postgres.port}/postgres", tmp_path)
        administrator.execute("DROP ROLE reader")
    assert message.endswith("permission denied for schema public; give this user write access to it")


def asked_to_create(url: str, folder: Path) -> str:
    engine = open_history(url, folder)
    message = refusal(lambda: require_current(engine))
    engine.dispose()
    return message


def test_a_file_that_may_not_be_written(folder: Path) -> None:
    file = folder / "history.db"
    message = in_a_mount_namespace(folder, f"mount --bind {file} {file}", f"mount -o remount,bind,ro {file}")
    assert "attempt to write a readonly database; give this user write access to it" in message


def test_a_folder_that_may_not_be_written(folder: Path) -> None:
    message = in_a_mount_namespace(folder, f"mount --bind {folder} {folder}", f"mount -o remount,bind,ro {folder}")
    assert "history.db: " in message
    assert message.endswith(
        ("; give this user write access to it\n", "; check that its folder exists and may be written\n")
    )


def test_a_full_disk(tmp_path: Path) -> None:
    message = in_a_mount_namespace(tmp_path, f"mount -t tmpfs -o size=1m none {tmp_path}")
    assert message.endswith("history.db: database or disk is full; free space on its disk\n")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    message = refusal(lambda: current(open_history("sqlite:///gone/history.db", tmp_path)))
    assert message.endswith("unable to open database file; check that its folder exists and may be written")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_text("a diary, not a database\n" * 100)
    message = refusal(lambda: current(open_history("sqlite:///history.db", tmp_path)))
    assert message.endswith("file is not a database; restore it from a backup")


def test_a_damaged_file(folder: Path) -> None:
    with (folder / "history.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 4)
    message = refusal(lambda: current(open_history("sqlite:///history.db", folder)))
    assert message.endswith("malformed; restore it from a backup")


def test_a_writer_waits_for_another_and_explains_a_timeout(folder: Path) -> None:
    engine = open_history("sqlite:///history.db?timeout=0.2", folder)
    with closing(sqlite3.connect(folder / "history.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        message = refusal(lambda: writing(engine).__enter__())
        assert 0.2 <= time.monotonic() - began < 20  # half a minute, by default
        assert read_runs(engine, "kondate", most=1) == ()  # reading goes on
        other.execute("COMMIT")
    assert message.endswith("database is locked; another process holds it; look for a long transaction and run again")
    with writing(engine):
        pass


def test_a_new_file_under_another_process_waits_too(tmp_path: Path) -> None:
    engine = open_history("sqlite:///new.db?timeout=0.2", tmp_path)
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "database is locked" in refusal(lambda: require_current(engine))
        other.execute("COMMIT")
    require_current(engine)


def test_a_row_locked_by_another_transaction(postgres: PostgresServer, tmp_path: Path) -> None:
    url = f"postgresql://postgres@127.0.0.1:{postgres.port}/postgres"
    engine = open_history(f"{url}?options=-c%20lock_timeout%3D200", tmp_path)

    def lock() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7)")

    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(7)")
        message = refusal(lock)
    assert "another process holds it; look for a long transaction and run again" in message
    lock()
    engine.dispose()
