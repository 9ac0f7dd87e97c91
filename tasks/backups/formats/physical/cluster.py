"""A physical copy of a cluster, started on its own and checked by amcheck."""

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tasks.backups.contents.restored import unreadable
from tasks.backups.errors import BadBackup
from tasks.backups.files.manifest import files_of
from tasks.backups.files.opened import opened
from tasks.backups.formats.interface import Copy, Known, Workplace
from tasks.backups.tool_words import require_good
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.postgres.installation import Installation, PostgresUnavailable
from tasks.postgres.throwaway import DATA, Throwaway, copied_postgres
from tasks.processes import Finished, run
from tasks.sandbox.confinement import Room

# What would make a copy follow or be the live server; the rest of the configuration is not read: it is given its own.
_OF_THE_LIVE = ("postgresql.auto.conf", "standby.signal", "recovery.signal", "postmaster.pid", "postmaster.opts")
_COPIED_AT_ONCE = 1024 * 1024
_REFUSED = re.compile(r"\b(?:FATAL|PANIC): ")
"""PostgreSQL's own error about the data; without one it did not get so far as to read them."""


def copied(cluster: Path, into: Path) -> None:
    """A copy, of which a server may be started. Raises BadBackup or OSError."""
    # What was a file when it was hashed may be a link now: it is copied as one, and found.
    shutil.copytree(cluster, into, symlinks=True, copy_function=_copy_file)
    files_of(into)
    into.chmod(0o700)


def _copy_file(file: str, into: str) -> None:
    with opened(Path(file)) as source, Path(into).open("xb") as target:
        shutil.copyfileobj(source, target, _COPIED_AT_ONCE)


def started(installation: Installation, known: Known, room: Room, at: Workplace) -> Copy:
    """The database of the cluster in a room, on a server that runs until the workplace is closed.

    Raises BadBackup, ObservationError or PostgresUnavailable.
    """
    # By a program in the room: those that verified the copy were there before.
    run(["rm", "-f", *(str(room.inside / DATA / name) for name in _OF_THE_LIVE)], deadline_s=at.deadline.require(),
        **room.options())  # fmt: skip
    try:
        server = at.stack.enter_context(copied_postgres(room, installation, at.deadline))
    except PostgresUnavailable as error:
        if _REFUSED.search(str(error)) is None:
            raise
        require_good(Finished(1, b"", str(error).encode(), False, False), _not_started,
                     program=installation.program("postgres"))  # fmt: skip
        raise
    try:
        role = _administrator(server, known.roles or ())
        found = _Started(installation, server, role, _database_of(server, role, known.database))
        unchecked = _unchecked(found, at.deadline)
    except psycopg.Error as error:
        raise unreadable(error) from None
    url, inside = server.url(found.database, role), server.url_inside(found.database, role)
    return Copy(found.dsn, None, installation.version, url, room, inside, unchecked)


@dataclass(frozen=True, slots=True)
class _Started:
    installation: Installation
    server: Throwaway
    role: str
    database: str

    @property
    def dsn(self) -> str:
        return self.server.dsn(self.database, self.role)


def _administrator(server: Throwaway, roles: tuple[str, ...]) -> str:
    """A superuser of the copy; raises ObservationError if none of the known roles is one."""
    for role in dict.fromkeys(("postgres", *roles)):
        with suppress(psycopg.Error), psycopg.connect(server.dsn("template1", role)) as connection:
            row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            if row == (True,):
                return role
    raise ObservationError(
        msg(
            "No superuser of the restored database is known: set live, or keep a manifest, so that a restore "
            "drill knows the roles"
        )
    )


def _database_of(server: Throwaway, role: str, expected: str) -> str:
    """The database to check: the expected one, else the only one. Raises BadBackup or ObservationError."""
    with psycopg.connect(server.dsn("template1", role)) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn").fetchall()
    return chosen_database([str(row[0]) for row in rows], expected)


def chosen_database(found: Sequence[str], expected: str) -> str:
    """The database to check of those in a backup: the expected one, else the only one that a server has not by itself.

    Raises BadBackup or ObservationError.
    """
    names = sorted(name for name in found if name != "template1")
    if expected:
        if expected not in names:
            raise BadBackup(_no_database(expected, names))
        return expected
    own = [name for name in names if name != "postgres"] or names
    if len(own) != 1:
        raise ObservationError(
            msg(
                "The restored server has several databases ({names}): set live so that a restore drill knows "
                "which one to check",
                names=external_text(", ".join(own)),
            )
        )
    return own[0]


def _unchecked(copy: _Started, deadline: Deadline) -> Message | None:
    """Have amcheck check heap and indexes; gives the reason if that is not possible.

    Raises BadBackup for damage, ObservationError if amcheck could not check, psycopg.Error as it comes.
    """
    with psycopg.connect(copy.dsn, autocommit=True) as connection:
        there = connection.execute("SELECT installed_version FROM pg_available_extensions WHERE name = 'amcheck'")
        amcheck = there.fetchone()
    if amcheck is None:
        return msg(
            "Restored, but pages and indexes were not checked: PostgreSQL {version} on this machine has no "
            "amcheck; set [backups] postgres to one that has it",
            version=copy.installation.version,
        )
    inside = copy.server.dsn_inside(copy.database, copy.role)
    argv = [copy.installation.program("pg_amcheck"), "--install-missing", "--heapallindexed", inside]
    options = copy.server.room.options(*copy.installation.folders)
    _require_undamaged(run(argv, deadline_s=deadline.require(), **options), argv[0])
    if amcheck == (None,):  # the copy's schema stays as it was
        with psycopg.connect(copy.dsn, autocommit=True) as connection:
            connection.execute("DROP EXTENSION amcheck")
    return None


def _require_undamaged(checked: Finished, program: str) -> None:
    if checked.returncode == 2 and checked.stdout.strip():
        lines = checked.stdout.decode("utf-8", "replace").split("\n")
        raise BadBackup(
            msg("amcheck found damage: {why}", why=external_text(" ".join(line.strip() for line in lines[:2])))
        )
    try:
        require_good(checked, lambda why: msg("amcheck could not check the restored database: {why}", why=why),
                     program=program)  # fmt: skip
    except BadBackup as unseen:
        raise ObservationError(unseen.reason) from None


def _not_started(why: str) -> Message:
    return msg("PostgreSQL does not start on the restored data: {why}", why=why)


def _no_database(expected: str, names: list[str]) -> Message:
    return msg(
        "The backup does not contain database {name}; it contains {names}",
        name=external_text(expected, 80),
        names=external_text(", ".join(names)),
    )
