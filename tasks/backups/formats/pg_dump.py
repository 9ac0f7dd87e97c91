"""Runs pg_dump in a snapshot, and reads the contents of that same snapshot."""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tasks.backups.contents.postgres import read_contents
from tasks.backups.contents.wanted import Wanted
from tasks.backups.errors import BackupRefused
from tasks.backups.facts import Contents
from tasks.backups.formats.interface import Order, Tools
from tasks.backups.formats.pg_dump_words import dump_failed, large_objects_closed
from tasks.check_result import msg
from tasks.database.connection import Server, connected, interrupt
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.postgres.installation import Installation
from tasks.processes import Child
from tasks.progress import TABLES, tell

_FOLDER = "--format=directory"
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# 16384 is the first number of an object that is not PostgreSQL's own.
_SNAPSHOT = (
    "SELECT pg_export_snapshot(),"
    " (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relpersistence <> 't' AND oid >= 16384)"
)
# pg_read_all_data does not reach them; a superuser, or lo_compat_privileges, does.
_CLOSED = (
    "SELECT count(*) FROM pg_largeobject_metadata m WHERE current_setting('is_superuser') = 'off'"
    " AND current_setting('lo_compat_privileges') = 'off' AND NOT pg_has_role(m.lomowner, 'USAGE')"
    " AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT'"
    " AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))"
)
_SECRETS = frozenset({"sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "KRB5CCNAME", "KRB5_CONFIG")
_TABLE = b"dumping contents of table"
_LOCK_WAIT_MS = 300_000
_CONNECT_S = 10
_GRACE_S = 10.0
_POLL_S = 0.1
_LOG_BYTES = 64 * 1024


def dump(order: Order, options: Sequence[str], tools: Tools) -> tuple[Contents, str]:
    """Write the dump; gives the contents of its snapshot, and the tool. Raises BackupRefused or ObservationError."""
    address, secrets = _address(order.live)
    later_s = round(tools.deadline.left_s, 1) + _GRACE_S  # the connection's clocks, so that ours gives the reason
    with connected(Server(order.live, later_s, _CONNECT_S), later_s) as connection:
        pg_dump = _fitting(tools.installations(), connection.info.server_version // 10000)
        connection.execute(_BEGIN)
        snapshot, tables = connection.execute(_SNAPSHOT).fetchall()[0]
        if closed := connection.execute(_CLOSED).fetchall()[0][0]:
            raise ObservationError(large_objects_closed(closed))
        argv = [pg_dump.program("pg_dump"), *options, f"--file={order.into}", f"--snapshot={snapshot}"]
        argv += ["--no-password", "--verbose", f"--lock-wait-timeout={_LOCK_WAIT_MS}", f"--dbname={address}"]
        if _FOLDER not in options:  # a folder is made by pg_dump, for its owner alone
            order.into.touch(0o600)
        contents = _both(_Call(argv, secrets, tables), connection, order, tools.deadline)
    if _FOLDER in options:
        order.into.chmod(0o700)
    return contents, f"pg_dump {pg_dump.version}"


@dataclass(frozen=True, slots=True)
class _Call:
    """A command line, what its environment carries besides, and how many tables there are to dump."""

    argv: Sequence[str]
    secrets: Mapping[str, str] = field(repr=False)
    tables: int


def _both(call: _Call, connection: psycopg.Connection[Any], order: Order, deadline: Deadline) -> Contents:
    """Dump and read at the same time, until both have ended or one has failed."""
    # The log has no name, so that a killed take leaves none behind.
    with (
        tempfile.TemporaryFile() as log,
        _reading(connection, Wanted(order.until, order.content_rule)) as (reading, read),
        Child(call.argv, log=Path(f"/dev/fd/{log.fileno()}"), env=_environment(call.secrets)) as child,
    ):
        dumped = _Dumped(log)
        while child.running or not reading.done():
            if reading.done():
                reading.result()
            if child.returncode:
                break
            deadline.require()
            tell(TABLES, min(dumped.tables(), read[0], call.tables), call.tables)
            time.sleep(_POLL_S)
        if child.returncode:
            _prefer(reading)
            raise ObservationError(dump_failed(child.returncode, dumped.tail()))
        return reading.result()


@contextmanager
def _reading(connection: psycopg.Connection[Any], wanted: Wanted) -> Iterator[tuple[Future[Contents], list[int]]]:
    """The contents of the snapshot, read in a thread, and how many tables are read; interrupted on early exit."""
    read = [0]

    def report_progress(done: int, _of: int) -> None:
        read[0] = done

    with ThreadPoolExecutor(1, thread_name_prefix="snapshot") as pool:
        future = pool.submit(read_contents, [connection], wanted, report_progress)
        try:
            yield future, read
        finally:
            if not future.done():
                interrupt(connection)


def _prefer(reading: Future[Contents]) -> None:
    """The error of the reading is more precise than pg_dump's, if there is one already."""
    if reading.done() and isinstance(error := reading.exception(), ObservationError):
        raise error


class _Dumped:
    """The output of pg_dump so far."""

    def __init__(self, log: IO[bytes]) -> None:
        self._log, self._at, self._tables, self._rest = log, 0, 0, b""

    def tables(self) -> int:
        """How many tables it has begun with, without the last."""
        while piece := os.pread(self._log.fileno(), _LOG_BYTES, self._at):
            self._at += len(piece)
            *lines, self._rest = (self._rest + piece).split(b"\n")
            self._tables += sum(1 for line in lines if _TABLE in line)
        return max(self._tables - 1, 0)

    def tail(self) -> str:
        """Its last lines."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), _LOG_BYTES, max(size - _LOG_BYTES, 0)).decode("utf-8", "replace")


def _fitting(known: Sequence[Installation], server: int) -> Installation:
    """The oldest pg_dump that can dump a server."""
    there = [one for one in known if Path(one.program("pg_dump")).exists()]
    fit = [one for one in there if one.major >= server]
    if not fit:
        have = ", ".join(sorted({one.version for one in there})) or "—"
        raise ObservationError(
            msg(
                "The database runs PostgreSQL {server}, but this machine has pg_dump {have}: install pg_dump "
                "{server} or newer, or set [backups] postgres",
                server=server,
                have=have,
            )
        )
    return min(fit, key=lambda one: one.major)


def _address(live: str) -> tuple[str, dict[str, str]]:
    """An address that may stand on a command line, and what the environment carries instead."""
    try:
        given = conninfo_to_dict(live)
    except psycopg.Error:  # its text may repeat the password
        raise ObservationError(msg("live is not a PostgreSQL address: correct it")) from None
    if named := sorted(_SECRETS & given.keys()):
        raise BackupRefused(
            f"live holds {named[0]}, which pg_dump accepts only where every user can see it: connect without it"
        )
    password = given.pop("password", None)
    secrets = {} if password is None else {"PGPASSWORD": str(password)}
    return make_conninfo("", **given | {"application_name": "opsrounds"}), secrets


def _environment(secrets: Mapping[str, str]) -> dict[str, str]:
    """What our own session was opened with, and messages in English."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("PG")}
    return kept | {"LC_ALL": "C", "PG_COLOR": "no passed drill", **secrets}
