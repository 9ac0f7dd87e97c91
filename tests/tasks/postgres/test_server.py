"""A real server: data survives a restart, nothing survives a killed owner."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tasks.postgres.installation import PostgresUnavailable, postgres_binaries
from tasks.postgres.server import running_postgres
from tasks.processes import run

OWNER = """
import sys, time
from pathlib import Path
from tasks.postgres.server import running_postgres
with running_postgres(Path(sys.argv[1]), fsync=False) as server:
    print(server.dsn, flush=True)
    time.sleep(600)
"""


def eventually(true: Callable[[], object], timeout_s: float = 120.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def servers_in(data: Path) -> list[int]:
    """The pids of the processes that work in a data folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").samefile(data):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_data_is_kept_over_a_restart_and_nothing_is_left_running(tmp_path: Path) -> None:
    with running_postgres(tmp_path, fsync=False) as server:
        with psycopg.connect(server.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'natto' AS name")
            version = connection.execute("SHOW server_version").fetchone()
            assert version is not None and version[0].startswith("18.")
        assert servers_in(server.data)
    assert not servers_in(server.data)
    with running_postgres(tmp_path, fsync=False) as again, psycopg.connect(again.dsn) as connection:
        assert connection.execute("SELECT name FROM kept").fetchone() == ("natto",)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)


def test_an_exception_inside_stops_the_server_even_with_a_client_connected(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), running_postgres(tmp_path, fsync=False) as server:
        client = psycopg.connect(server.dsn)
        raise ZeroDivisionError
    client.close()
    assert not servers_in(server.data)


def test_a_killed_owner_leaves_no_server_and_the_folder_starts_again(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        dsn = owner.stdout.readline().strip()
        with psycopg.connect(dsn) as client:
            client.execute("CREATE TABLE kept AS SELECT 1 AS one")
            client.commit()
            assert servers_in(tmp_path / "data")
            owner.kill()
            owner.wait()
            assert eventually(lambda: not servers_in(tmp_path / "data"))
    with running_postgres(tmp_path, fsync=False) as server, psycopg.connect(server.dsn) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_an_orphaned_server_is_ended_and_a_stranger_with_its_pid_is_not(tmp_path: Path) -> None:
    with running_postgres(tmp_path, fsync=False):
        pass
    pid_file = tmp_path / "data" / "postmaster.pid"
    with subprocess.Popen(["sleep", "600"]) as stranger:
        pid_file.write_text(f"{stranger.pid}\n{tmp_path / 'data'}\n")
        with running_postgres(tmp_path, fsync=False) as server:
            stopped = servers_in(server.data)
            assert stranger.poll() is None
        stranger.kill()
    assert stopped and not servers_in(tmp_path / "data")


def test_an_owner_that_was_killed_in_its_stop_leaves_an_orphan_that_is_ended(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None and owner.stdout.readline()
        postmaster = int((tmp_path / "data" / "postmaster.pid").read_text().split("\n")[0])
        os.kill(postmaster, signal.SIGSTOP)  # it cannot follow the kernel's signal at the owner's death
        owner.kill()
        owner.wait()
        assert postmaster in servers_in(tmp_path / "data")
        os.kill(postmaster, signal.SIGCONT)
        with running_postgres(tmp_path, fsync=False) as server, psycopg.connect(server.dsn):
            assert postmaster not in servers_in(server.data)


def test_a_folder_in_use_is_refused_and_its_server_goes_on(tmp_path: Path) -> None:
    with running_postgres(tmp_path, fsync=False) as server:
        with (
            pytest.raises(PostgresUnavailable, match="in use by another process"),
            running_postgres(tmp_path),
        ):
            pass
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_port_in_use_is_reported_with_the_servers_message(tmp_path: Path) -> None:
    with (
        running_postgres(tmp_path / "one", fsync=False) as server,
        pytest.raises(PostgresUnavailable, match="could not bind"),
        running_postgres(tmp_path / "two", fsync=False, port=server.port),
    ):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders its server account cannot enter")
def test_root_serves_a_clone_below_a_home_nobody_else_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = postgres_binaries().parent.parent
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for part in (package, package.with_name(f"{package.name}.libs")):
        assert run(["cp", "-r", str(part), str(home / part.name)], deadline_s=600).returncode == 0
    monkeypatch.syspath_prepend(str(home))
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    assert postgres_binaries().is_relative_to(home)
    for value in ("first", "second"):
        with running_postgres(home / "database", fsync=False) as server:
            assert server.data == home / "database" / "data"
            with psycopg.connect(server.dsn) as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
                connection.execute("INSERT INTO kept VALUES (%s)", [value])
                rows = connection.execute("SELECT value FROM kept ORDER BY value").fetchall()
        assert not servers_in(server.data)
    assert rows == [("first",), ("second",)]


def test_a_folder_everybody_may_enter_is_named_as_it_is() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        with running_postgres(Path(name), fsync=False) as server, psycopg.connect(server.dsn) as connection:
            assert connection.execute("SHOW data_directory").fetchone() == (str(server.data),)


def test_where_it_is_guarded_nobody_else_is_its_administrator(tmp_path: Path) -> None:
    with running_postgres(tmp_path, fsync=False, guarded=True) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE ROLE reader LOGIN")
        with psycopg.connect(server.address("postgres", "reader")) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("reader",)
        with pytest.raises(psycopg.OperationalError, match="rejects connection"):
            psycopg.connect(f"postgresql://postgres@{server.host}:{server.port}/postgres")
        assert server.sockets is not None and stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
    assert not server.sockets.exists()
