"""A server of any PostgreSQL on this machine, with every option at its default, to take backups of."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from tasks.postgres.cluster import environment, initialise, wait_until_ready
from tasks.postgres.installation import Installation, chosen_place
from tasks.processes import Child


@dataclass(frozen=True)
class Running:
    """A server of one version, reached by the folder of its socket."""

    sockets: Path
    installation: Installation

    def dsn(self, database: str) -> str:
        return make_conninfo("", host=str(self.sockets), port=5432, user="postgres", dbname=database)


@contextmanager
def serving(folder: Path, installation: Installation) -> Iterator[Running]:
    """A server that base backups can be taken of."""
    with chosen_place(folder, installation.binaries) as place:
        initialise(place, fsync=False, builtin_locale=installation.major >= 17)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": place.data_argument,
            "port": "5432",
            "fsync": "off",
        }
        argv = [installation.program("postgres"), "-D", place.data_argument]
        argv += [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        log = folder / "postgres.log"
        with Child(
            argv, log=log, env=environment(), cwd=place.data, user=place.user, stop_signal=signal.SIGINT
        ) as child:
            wait_until_ready(child, place.data)
            yield Running(place.data, installation)
