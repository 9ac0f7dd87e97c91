"""A throw-away PostgreSQL in a drill's room, which nobody but this process and the room's programs reach.

It restores what others wrote, and that may run code in it: nothing that it leaves in its room is believed. It is up
when it answers, and it is reached by the very socket that it made, whatever takes its place later.
"""

import math
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from tasks.deadline import UNLIMITED, Deadline
from tasks.postgres.cluster import INITDB_S, initdb_command, require_made
from tasks.postgres.installation import Installation, PostgresUnavailable
from tasks.processes import Child, run
from tasks.sandbox.bubblewrap import Shown
from tasks.sandbox.confinement import Room

DATA: Final = "data"
"""The cluster, in the server's room."""

_READY_S = 60.0
_POLL_S = 0.02
_MOST_PATH = 107
"""What Linux takes as the path of a socket."""

_SOCKET = ".s.PGSQL.5432"
_BUILTIN_LOCALE_SINCE = 17
# Nothing is kept: a crash of the machine may take it all.
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
}
_ALONE = {
    "listen_addresses": "",
    "port": "5432",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "archive_mode": "off",
    "shared_preload_libraries": "",
    "max_logical_replication_workers": "0",
    "unix_socket_permissions": "0700",
}
# It is asked without a password, and is given none that libpq would find elsewhere.
_TRUSTED: Final[Mapping[str, str]] = {"connect_timeout": "10", "passfile": "/dev/null/none", "require_auth": "none"}


@dataclass(frozen=True)
class Throwaway:
    """A running server; `sockets` is the folder by which this process connects to it."""

    sockets: Path
    room: Room
    process: Child

    @property
    def exceeded(self) -> str | None:
        """The bound at which it was ended."""
        return self.process.exceeded

    def dsn(self, database: str, role: str = "postgres") -> str:
        """The address of one of its databases, for this process."""
        return make_conninfo("", host=str(self.sockets), port=5432, user=role, dbname=database, **_TRUSTED)

    def dsn_inside(self, database: str, role: str = "postgres") -> str:
        """The same for a program in its room."""
        return make_conninfo("", host=str(self.room.inside), port=5432, user=role, dbname=database, connect_timeout=10)

    def url(self, database: str, role: str = "postgres") -> str:
        """The address for this process, as SQLAlchemy takes it."""
        return _url(self.sockets, database, role)

    def url_inside(self, database: str, role: str = "postgres") -> str:
        """The address for a program in its room, as programs take it in DATABASE_URL."""
        return _url(self.room.inside, database, role)


@contextmanager
def throwaway_postgres(room: Room, installation: Installation, deadline: Deadline = UNLIMITED) -> Iterator[Throwaway]:
    """An empty server. Raises PostgresUnavailable, or the error of a deadline that passed."""
    argv = initdb_command(
        installation.binaries, str(room.inside / DATA), fsync=False,
        builtin_locale=installation.major >= _BUILTIN_LOCALE_SINCE,
    )  # fmt: skip
    made = run(argv, deadline_s=deadline.within(INITDB_S).require(), **room.options(*installation.folders))
    if made.timed_out:
        deadline.require()
    require_made(made, room.path / DATA)
    with _serving(room, installation, _FAST, deadline, _READY_S) as server:
        yield server


@contextmanager
def copied_postgres(room: Room, installation: Installation, deadline: Deadline) -> Iterator[Throwaway]:
    """A server on the physical copy in a room; its configuration is ours, whatever is in the copy.

    Raises PostgresUnavailable, or the error of a deadline by which the copy did not become consistent.
    """
    folder = room.confinement.folder / "configuration"
    folder.mkdir(mode=0o755)
    for name, text in (("postgresql.conf", ""), ("pg_hba.conf", "local all all trust\n"), ("pg_ident.conf", "")):
        (folder / name).write_text(text, encoding="ascii")
        (folder / name).chmod(0o644)
    shown = room.confinement.show(folder)
    files = {"config_file": "postgresql.conf", "hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"}
    options = {"fsync": "off", "hot_standby": "off", **{key: str(shown.inside / name) for key, name in files.items()}}
    with _serving(room, installation, options, deadline, math.inf, shown) as server:
        yield server


@contextmanager
def _serving(
    room: Room,
    installation: Installation,
    options: Mapping[str, str],
    deadline: Deadline,
    ready_s: float,
    *shown: Shown,
) -> Iterator[Throwaway]:
    folder = room.confinement.folder
    sockets = folder / "sockets"
    sockets.mkdir(mode=0o700)
    for place in (room.inside, sockets):
        _require_short(place)
    settings = {**_ALONE, **options, "unix_socket_directories": str(room.inside)}
    argv = [installation.program("postgres"), "-D", str(room.inside / DATA)]
    argv += [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    with (
        Child(argv, log=folder / "postgres.log", **room.options(*installation.folders, *shown)) as server,
        _reached(room.path / _SOCKET, sockets / _SOCKET, server, deadline.within(ready_s)) as ready,
    ):
        if not ready:
            if server.running:
                deadline.require()
            state = f"not ready after {ready_s:.0f} s" if server.running else "exited at startup"
            raise PostgresUnavailable(f"PostgreSQL on {room.path}: {state}\n{server.tail()}")
        yield Throwaway(sockets, room, server)


@contextmanager
def _reached(socket: Path, link: Path, server: Child, limit: Deadline) -> Iterator[bool]:
    """Make `link` lead to the server's own socket, for as long as this lives; False if it does not answer in time."""
    held = -1
    try:
        while server.running and not limit.passed:
            held = _held(socket) if held < 0 else held
            if held >= 0 and not link.is_symlink():
                link.symlink_to(f"/proc/self/fd/{held}")
            if held >= 0 and PGconn.ping(_anybody(link.parent)) == Ping.OK:
                yield True
                return
            time.sleep(_POLL_S)
        yield False
    finally:
        if held >= 0:
            os.close(held)


def _held(socket: Path) -> int:
    """A descriptor of a socket, which stays that one's; -1 if there is none."""
    try:
        held = os.open(socket, os.O_PATH | os.O_NOFOLLOW)
    except OSError:
        return -1
    if stat.S_ISSOCK(os.fstat(held).st_mode):
        return held
    os.close(held)
    return -1


def _anybody(sockets: Path) -> bytes:
    return make_conninfo(
        "", host=str(sockets), port=5432, user="postgres", dbname="postgres", connect_timeout=10
    ).encode()


def _url(sockets: Path, database: str, role: str) -> str:
    place = quote(str(sockets), safe="")
    return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?host={place}&port=5432"


def _require_short(sockets: Path) -> None:
    if len(str(sockets / _SOCKET)) > _MOST_PATH:
        raise PostgresUnavailable(
            f"{sockets} is too long a path for a socket (at most {_MOST_PATH} bytes): set a shorter [backups] folder"
        )
