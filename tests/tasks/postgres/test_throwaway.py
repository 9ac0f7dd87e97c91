"""A throw-away server: up when it answers, reached by its own socket, and never waited for in vain."""

import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.postgres.installation import Installation, PostgresUnavailable, installations, server_account
from tasks.postgres.throwaway import throwaway_postgres
from tasks.sandbox.bounds import Bounds
from tasks.sandbox.confinement import Confinement

NEVER_READY, ENDS = "sleep 60", "echo 'FATAL: not today' >&2; exit 1"


@pytest.fixture
def confinement() -> object:
    with TemporaryDirectory(prefix="t-") as folder:
        yield Confinement(Path(folder), server_account(), Bounds.of_this_machine(10**9), required=False)


def pretending(folder: Path, postgres: str) -> Installation:
    """Programs that do something else."""
    binaries = folder / "pg" / "bin"
    (binaries.parent / "lib").mkdir(parents=True)
    binaries.mkdir()
    for name, text in (("initdb", "exit 0"), ("postgres", postgres)):
        (binaries / name).write_text(f"#!/bin/sh\n{text}\n")
        (binaries / name).chmod(0o755)
    return Installation(binaries, "18.1", 18)


def test_a_wait_ends_with_the_callers_time_and_says_so(confinement: Confinement) -> None:
    late = Deadline.after(1.0, msg("The drill is late"))
    with (
        pytest.raises(ObservationError, match="The drill is late"),
        throwaway_postgres(confinement.room("server"), pretending(confinement.folder, NEVER_READY), late),
    ):
        pass


def test_one_that_ends_at_once_says_why(confinement: Confinement) -> None:
    with (
        pytest.raises(PostgresUnavailable, match=r"exited at startup\n.*not today"),
        throwaway_postgres(confinement.room("server"), pretending(confinement.folder, ENDS), Deadline.after(60)),
    ):
        pass


def test_a_socket_that_is_replaced_later_leads_nowhere(confinement: Confinement, tmp_path: Path) -> None:
    room = confinement.room("server")
    with throwaway_postgres(room, installations()[0], Deadline.after(60)) as server:
        [path] = room.path.glob(".s.PGSQL.*[0-9]")
        path.rename(room.path / "was")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(tmp_path / "live"))
            path.symlink_to(tmp_path / "live")
            with psycopg.connect(server.dsn("postgres")) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        assert row == (str(room.inside / "data"),)
