"""A throw-away PostgreSQL 18 on loopback, from the wheel: for the demo and the tests."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote

from tasks.files import make_folder
from tasks.postgres.cluster import chown_data, end_orphan, environment, initialise, owning, wait_until_ready
from tasks.postgres.installation import PostgresPlace, chosen_place
from tasks.processes import Child, free_port

HOST: Final = "127.0.0.1"
ADMINISTRATOR: Final = "postgres"
_GUARDED: Final = f"""local all all trust
host all {ADMINISTRATOR} {HOST}/32 reject
host all all {HOST}/32 trust
"""
_STOP_GRACE_S = 20.0


@dataclass(frozen=True)
class PostgresServer:
    """A running server; anybody on this machine may connect without a password, as its administrator too where
    `sockets` is None.
    """

    host: str
    port: int
    data: Path
    sockets: Path | None = None

    @property
    def dsn(self) -> str:
        """The administrator's address."""
        return self.address(ADMINISTRATOR)

    def address(self, database: str, role: str = ADMINISTRATOR) -> str:
        """The address of a database."""
        if self.sockets is None or role != ADMINISTRATOR:
            return f"postgresql://{role}@{self.host}:{self.port}/{database}"
        return f"postgresql://{role}@/{database}?host={quote(str(self.sockets), safe='')}&port={self.port}"


@contextmanager
def running_postgres(
    folder: Path, *, fsync: bool = True, port: int | None = None, guarded: bool = False
) -> Iterator[PostgresServer]:
    """A server on the data kept in `folder`, which is created when new; stopped at the end.

    For throw-away data only: connections are trusted without a password, from this machine alone. Its administrator
    could run programs as this account: where it is `guarded`, a socket in a folder of this account's is the only way
    to be that. As root it runs as `nobody`, since PostgreSQL refuses root. `fsync=False` is faster and loses data with
    the machine's power. Raises PostgresUnavailable.
    """
    folder = folder.absolute()
    make_folder(folder)
    with owning(folder), chosen_place(folder) as place, ExitStack() as stack:
        end_orphan(place.data)
        if not (place.data / "PG_VERSION").exists():
            initialise(place, fsync)
        chown_data(place)
        chosen = free_port(HOST) if port is None else port
        options = _options(chosen, fsync)
        sockets = stack.enter_context(_guarding(place, options)) if guarded else None
        argv = [str(place.binaries / "postgres"), "-D", place.data_argument]
        argv += [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
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
            yield PostgresServer(HOST, chosen, place.data, sockets)


@contextmanager
def _guarding(place: PostgresPlace, options: dict[str, str]) -> Iterator[Path]:
    """The folder of the administrator's socket, which is short enough for its path."""
    with TemporaryDirectory(prefix="opsrounds-") as name:
        sockets = Path(name)
        (sockets / "pg_hba.conf").write_text(_GUARDED, encoding="ascii")
        for path in (sockets / "pg_hba.conf", sockets):
            if place.user is not None:
                os.chown(path, place.user.uid, place.user.gid)
        options |= {"unix_socket_directories": name, "hba_file": str(sockets / "pg_hba.conf")}
        yield sockets


def _options(port: int, fsync: bool) -> dict[str, str]:
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
    return settings
