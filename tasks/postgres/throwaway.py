"""A throw-away PostgreSQL that nobody but its owner reaches: a socket inside its own data folder, and no port."""

import math
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import make_conninfo

from tasks.deadline import UNLIMITED, Deadline
from tasks.postgres.cluster import chown_data, end_orphan, environment, initialise, wait_until_ready
from tasks.postgres.installation import Installation, PostgresPlace, PostgresUnavailable, chosen_place, server_account
from tasks.processes import Child

_STOP_GRACE_S = 20.0
_READY_S = 60.0
_MOST_PATH = 107
"""What Linux takes as the path of a socket."""

_SOCKET = ".s.PGSQL.5432"
_BUILTIN_LOCALE_SINCE = 17
_STAYS_SINCE = 16
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
}


@dataclass(frozen=True)
class Throwaway:
    """A running server; `sockets` is the folder to connect to, without a password."""

    sockets: Path
    installation: Installation

    def dsn(self, database: str, role: str = "postgres") -> str:
        """The address of one of its databases."""
        return make_conninfo(host=str(self.sockets), port=5432, user=role, dbname=database, connect_timeout=10)

    def dsn_below(self, database: str) -> str:
        """The same address for a program that starts in the folder of the data folder, as the server's account.

        That account may not reach it by its path.
        """
        sockets = self.sockets if server_account() is None else Path("/proc/self/cwd", self.sockets.name)
        return make_conninfo(host=str(sockets), port=5432, user="postgres", dbname=database, connect_timeout=10)

    def url(self, database: str, role: str = "postgres") -> str:
        """The same address as programs take it in DATABASE_URL."""
        place = quote(str(self.sockets), safe="")
        return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?host={place}&port=5432"


@contextmanager
def throwaway_postgres(folder: Path, installation: Installation, deadline: Deadline = UNLIMITED) -> Iterator[Throwaway]:
    """An empty server with its data in `folder`, a private folder that the caller made and removes.

    Raises PostgresUnavailable, or the error of a deadline that passed.
    """
    with chosen_place(folder, installation.binaries, copies_in=folder) as place:
        _require_short(place.data)
        _require_followed(place, installation)
        initialise(place, False, deadline, builtin_locale=installation.major >= _BUILTIN_LOCALE_SINCE)
        with _serving(place, installation, _FAST, deadline, _READY_S) as server:
            yield server


@contextmanager
def copied_postgres(folder: Path, installation: Installation, deadline: Deadline) -> Iterator[Throwaway]:
    """A server on a physical copy in `folder/data`, in which nothing of the live server's configuration is left.

    Raises PostgresUnavailable, or the error of a deadline by which the copy did not become consistent.
    """
    with chosen_place(folder, installation.binaries, copies_in=folder) as place:
        _require_short(place.data)
        chown_data(place)
        _require_followed(place, installation)
        options = {"fsync": "off", "hot_standby": "off"}
        with _serving(place, installation, options, deadline, math.inf) as server:
            yield server


@contextmanager
def _serving(
    place: PostgresPlace, installation: Installation, options: Mapping[str, str], deadline: Deadline, ready_s: float
) -> Iterator[Throwaway]:
    end_orphan(place.data)
    # The data folder is open to the server's account alone, and named in a way that this account can follow.
    settings = {**_ALONE, **options, "unix_socket_directories": place.data_argument, "unix_socket_permissions": "0700"}
    argv = [str(place.binaries / "postgres"), "-D", place.data_argument]
    argv += [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    with Child(
        argv,
        log=place.data.with_name("postgres.log"),
        env=environment(),
        cwd=place.data,
        user=place.user,
        stop_signal=signal.SIGINT,
        grace_s=_STOP_GRACE_S,
    ) as server:
        wait_until_ready(server, place.data, deadline, ready_s=ready_s)
        yield Throwaway(place.data, installation)


def _require_followed(place: PostgresPlace, installation: Installation) -> None:
    """Before PostgreSQL 16 its programs leave their folder at their start, and do not find back by `/proc/self/cwd`."""
    if place.data_argument != str(place.data) and installation.major < _STAYS_SINCE:
        raise PostgresUnavailable(
            f"the server's account cannot enter {place.data.parent}, which PostgreSQL "
            f"{installation.version} needs: set [backups] folder to one that every user may enter"
        )


def _require_short(data: Path) -> None:
    if len(str(data / _SOCKET)) > _MOST_PATH:
        raise PostgresUnavailable(
            f"{data} is too long a path for a socket (at most {_MOST_PATH} bytes): set a shorter [backups] folder"
        )
