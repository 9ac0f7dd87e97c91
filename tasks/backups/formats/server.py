"""An empty database of a throw-away server, made for one dump."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from tasks.backups.files.room import require_room
from tasks.backups.formats.interface import Copy, Head, Known, Workplace
from tasks.backups.formats.programs import fitting
from tasks.backups.tool_words import error_line
from tasks.check_result import Message, msg
from tasks.observation import ObservationError
from tasks.postgres.installation import Installation
from tasks.postgres.throwaway import Throwaway, throwaway_postgres

_MOST_OVER_EXPECTED, _MOST_BESIDES = 2, 3_000_000_000
_OF_EVERY_SERVER = ("postgres", "template0", "template1")
_ROOM_OVER_LIVE = 1.3
"""A restored database is denser than the live one; building its indexes takes temporary files."""


@dataclass(frozen=True, slots=True)
class EmptyDatabase:
    """What a dump is restored into."""

    server: Throwaway
    installation: Installation
    name: str

    @property
    def dsn(self) -> str:
        """Its address, for this process."""
        return self.server.dsn(self.name)

    @property
    def dsn_inside(self) -> str:
        """The same for a program in the server's room."""
        return self.server.dsn_inside(self.name)

    def another(self, head: Head) -> "EmptyDatabase":
        """One more of the same server, for a dump that left half of itself in this one."""
        name = _new_name()
        _create(self.server, name, head.encoding, ())
        return replace(self, name=name)

    def make_namesake(self, name: str) -> None:
        """An empty database with the dump's own name, which its owner, comment, settings and privileges are for.

        The rows go into the one that nobody can know the name of. Raises ObservationError.
        """
        if name not in _OF_EVERY_SERVER:
            _create(self.server, name, "", ())

    def drop(self) -> None:
        """Make room: what is in it has been restored, and nobody asks it anything; raises ObservationError."""
        _execute(self.server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))

    def as_copy(self) -> Copy:
        """The same once the dump is in it."""
        server = self.server
        return Copy(
            self.dsn, None, self.installation.version, server.url(self.name), server.room, server.url_inside(self.name)
        )


def empty_database(head: Head, bytes: int, known: Known, at: Workplace) -> EmptyDatabase:
    """Where a dump of so many bytes is restored; raises ObservationError, PostgresUnavailable or OSError."""
    require_space(head, bytes, known, at)
    installation = fitting(at.installations(), head.needed_major)
    server = at.stack.enter_context(throwaway_postgres(at.confinement.room("server"), installation, at.deadline))
    name = _new_name()
    _create(server, name, head.encoding, known.roles or ())
    return EmptyDatabase(server, installation, name)


def require_space(head: Head, bytes: int, known: Known, at: Workplace) -> None:
    """Raise ObservationError without disk for a copy: by what is known of the database, else by the backup's size."""
    reserve(
        known.bytes * _ROOM_OVER_LIVE if known.bytes else max(bytes * at.disk_factor, head.plain_bytes * 2), at
    )  # fmt: skip


def reserve(bytes: float, at: Workplace) -> None:
    """Raise ObservationError without disk for so many bytes; a drill may take twice of it, and what a server takes."""
    require_room(at.folder, bytes)
    at.confinement.limit_disk(_MOST_OVER_EXPECTED * bytes + _MOST_BESIDES)


def not_restorable(why: str) -> Message:
    """Why a program could not restore a dump."""
    return msg("The backup cannot be restored: {why}", why=why)


def _new_name() -> str:
    return f"drill_{secrets.token_hex(6)}"


def _create(server: Throwaway, name: str, encoding: str, roles: Sequence[str]) -> None:
    """An empty database in the dump's own encoding, beside the roles that it will ask for."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
    if encoding and encoding != "UTF8":
        create += sql.SQL(" ENCODING {} LOCALE 'C' LOCALE_PROVIDER libc").format(sql.Literal(encoding))
    made = [sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)) for role in roles if role != "postgres"]
    _execute(server, *made, create)


def _execute(server: Throwaway, *statements: sql.Composed) -> None:
    try:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)
    except psycopg.Error as error:
        why = error_line(f"ERROR: {error.diag.message_primary or error}")
        raise ObservationError(
            msg("The restore drill's PostgreSQL cannot create an empty database: {why}", why=why)
        ) from None
