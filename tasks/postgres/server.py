"""A throw-away PostgreSQL 18 on loopback, from the wheel: for the demo and the tests."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.files import make_folder
from tasks.postgres.cluster import chown_data, end_orphan, environment, initialise, owning, wait_until_ready
from tasks.postgres.installation import chosen_place
from tasks.processes import Child, free_port

HOST = "127.0.0.1"
_STOP_GRACE_S = 20.0


@dataclass(frozen=True)
class PostgresServer:
    """A running server; anybody on this machine may connect as `postgres` without a password."""

    dsn: str
    host: str
    port: int
    data: Path


@contextmanager
def running_postgres(folder: Path, *, fsync: bool = True, port: int | None = None) -> Iterator[PostgresServer]:
    """A server on the data kept in `folder`, which is created when new; stopped at the end.

    For throw-away data only: connections are trusted without a password, from this machine alone. As root it
    runs as `nobody`, since PostgreSQL refuses root. `fsync=False` is faster and loses data with the machine's
    power. Raises PostgresUnavailable.
    """
    folder = folder.absolute()
    make_folder(folder)
    with owning(folder), chosen_place(folder) as place:
        end_orphan(place.data)
        if not (place.data / "PG_VERSION").exists():
            initialise(place, fsync)
        chown_data(place)
        chosen = free_port(HOST) if port is None else port
        argv = [str(place.binaries / "postgres"), "-D", place.data_argument, *_options(chosen, fsync)]
        with Child(
            argv,
            log=folder / "postgres.log",
            env=environment(),
            cwd=place.data,
            user=place.user,
            # SIGINT is the fast shutdown; SIGTERM would wait for every client to leave.
            stop_signal=signal.SIGINT,
            grace_s=_STOP_GRACE_S,
        ) as server:
            wait_until_ready(server, place.data)
            yield PostgresServer(f"postgresql://postgres@{HOST}:{chosen}/postgres", HOST, chosen, place.data)


def _options(port: int, fsync: bool) -> Sequence[str]:
    settings = {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "shared_buffers": "32MB",
        "log_timezone": "UTC",
        "timezone": "UTC",
    }
    if not fsync:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
