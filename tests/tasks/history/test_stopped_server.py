"""Processes that are stopped keep no time limit and give no lock back: this side ends the waiting."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import Connection, Engine, text

from tasks.history.engine import HistoryError, open_history, reading, writing
from tasks.history.migrate import current, head, require_current
from tasks.postgres.server import PostgresServer

SILENT = "the server has been silent for 2.5 s; see whether its server is stopped or overloaded, or the network drops"
ENDS_WITHIN_S = 120.0
A_THREAD_THAT_READS = """
import asyncio, sys
from pathlib import Path
from tasks.history.engine import HistoryError, open_history, reading
def read(engine):
    with reading(engine) as connection:
        print(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one(), flush=True)
        sys.stdin.readline()
        connection.exec_driver_sql("SELECT 1")
try:
    asyncio.run(asyncio.to_thread(read, open_history(sys.argv[1], Path.cwd())))
except HistoryError as error:
    print(error)
"""
HOLDS_SQLITES_LOCK = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def url(own_postgres: PostgresServer) -> str:
    """A history on a server whose processes may be stopped, with short limits."""
    address = f"postgresql://postgres@127.0.0.1:{own_postgres.port}/postgres"
    return f"{address}?connect_timeout=2&options=-c%20statement_timeout%3D500"


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[Engine]:
    opened = open_history(url, tmp_path)
    require_current(opened)
    with writing(opened) as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS notes (note text)")
        connection.exec_driver_sql("TRUNCATE notes")
    yield opened
    opened.dispose()


@contextmanager
def stopping() -> Iterator[Callable[[int], None]]:
    """Stops processes, which go on at the end."""
    with ExitStack() as stack:

        def stop(pid: int) -> None:
            stack.callback(_go_on, pid)
            os.kill(pid, signal.SIGSTOP)

        yield stop


def _go_on(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def backend(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def note(connection: Connection, *notes: str) -> None:
    connection.execute(text("INSERT INTO notes VALUES (:note)"), [{"note": each} for each in notes])


def ended(work: Callable[[], object]) -> str:
    """The refusal of work that must end, in a thread that ends with it."""
    done: Future[object] = Future()

    def settle() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=settle, daemon=True).start()
    with pytest.raises(HistoryError) as refused:
        done.result(ENDS_WITHIN_S)
    return str(refused.value)


def notes_when_over(own_postgres: PostgresServer, pid: int) -> list[str]:
    """What is stored once a backend that goes on again has ended."""
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(ENDS_WITHIN_S)
    with psycopg.connect(own_postgres.dsn) as connection:
        return [row[0] for row in connection.execute("SELECT note FROM notes")]


def test_in_a_read(engine: Engine) -> None:
    with stopping() as stop:

        def read() -> None:
            with reading(engine) as connection:
                stop(backend(connection))
                connection.exec_driver_sql("SELECT note FROM notes")

        assert f"/postgres: {SILENT}" in ended(read)
        assert current(engine) == head()  # by another connection


@pytest.mark.parametrize("rows", [1, 5000])
def test_in_the_middle_of_a_write(engine: Engine, own_postgres: PostgresServer, rows: int) -> None:
    pids = []
    with stopping() as stop:

        def write() -> None:
            with writing(engine) as connection:
                note(connection, "first")
                pids.append(backend(connection))
                stop(pids[0])
                note(connection, *["second" * 50] * rows)

        assert SILENT in ended(write)
    assert notes_when_over(own_postgres, pids[0]) == []
    with writing(engine) as connection:
        note(connection, "afterwards")
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT note FROM notes").scalars().all() == ["afterwards"]


def test_at_the_commit(engine: Engine, own_postgres: PostgresServer) -> None:
    pids = []
    with stopping() as stop:

        def write() -> None:
            with writing(engine) as connection:
                note(connection, "first", "second")
                pids.append(backend(connection))
                stop(pids[0])

        assert SILENT in ended(write)
    assert notes_when_over(own_postgres, pids[0]) in ([], ["first", "second"])
    with writing(engine) as connection:
        note(connection, "afterwards")


def test_at_the_rollback(engine: Engine) -> None:
    with stopping() as stop:

        def write() -> None:
            with writing(engine) as connection:
                note(connection, "first")
                stop(backend(connection))
                raise HistoryError("refused by its caller")

        assert SILENT in ended(write)
    with writing(engine) as connection:
        note(connection, "afterwards")


def test_a_connection_that_was_stopped_in_the_pool_is_replaced(engine: Engine) -> None:
    with reading(engine) as connection:
        pid = backend(connection)
    with stopping() as stop:
        stop(pid)
        with reading(engine) as connection:
            assert backend(connection) != pid


def test_while_the_pool_is_closed(engine: Engine) -> None:
    with reading(engine) as connection:
        pid = backend(connection)
    with stopping() as stop:
        stop(pid)
        closing = threading.Thread(target=engine.dispose, daemon=True)
        closing.start()
        closing.join(ENDS_WITHIN_S)
        assert not closing.is_alive()
    assert current(engine) == head()


def test_at_the_connection(url: str, own_postgres: PostgresServer, tmp_path: Path) -> None:
    engine = open_history(url, tmp_path)
    postmaster = int((own_postgres.data / "postmaster.pid").read_text().splitlines()[0])
    with stopping() as stop:
        stop(postmaster)
        message = ended(lambda: current(engine))
    assert message.endswith("timeout expired; check that it is reachable and that [history] url is right")
    current(engine)
    engine.dispose()


def test_a_process_that_waits_in_a_thread_ends(url: str) -> None:
    pipe = subprocess.PIPE
    argv = [sys.executable, "-c", A_THREAD_THAT_READS, url]
    with stopping() as stop, subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            stop(int(process.stdout.readline()))
            out, err = process.communicate("\n", timeout=ENDS_WITHIN_S)
        finally:
            process.kill()
    assert (SILENT in out, err, process.returncode) == (True, "", 0)


def test_all_connections_wait_for_a_stopped_server(engine: Engine) -> None:
    engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    message = "every connection of this process is waiting for an answer; see whether"
    with ExitStack() as stack, pytest.raises(HistoryError, match=message):
        for _ in range(100):
            stack.enter_context(reading(engine))


def test_the_limit_of_the_address_is_the_one_that_counts(url: str, tmp_path: Path) -> None:
    for given, silence_s in (("statement_timeout%3D90s", 92.0), ("statement_timeout%3D0", 32.0), ("jit%3Doff", 32.0)):
        engine = open_history(url.replace("statement_timeout%3D500", given), tmp_path)
        with reading(engine) as connection:
            assert connection.connection.driver_connection.silence_s == silence_s  # type: ignore[union-attr]
            assert connection.exec_driver_sql("SHOW timezone").scalar_one() == "UTC"
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "30s"
        engine.dispose()


def test_the_lock_of_a_stopped_process_on_sqlite(empty_history: Path, tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    shutil.copy(empty_history, file)
    engine = open_history("sqlite:///history.db?timeout=0.3", tmp_path)
    argv = [sys.executable, "-c", HOLDS_SQLITES_LOCK, str(file)]
    with stopping() as stop, subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            stop(process.pid)
            message = ended(lambda: writing(engine).__enter__())
            assert current(engine) == head()  # reading goes on
        finally:
            process.kill()
    assert message.endswith("is locked; another process holds it; look for a long transaction and run again")
    with writing(engine):
        pass
    engine.dispose()
