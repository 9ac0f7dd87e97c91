"""Makes a throw-away database from any form of a PostgreSQL backup, and reads what came out."""

import re
import secrets
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from tasks.backups.contents.postgres import Wanted, read_contents
from tasks.backups.drill.folder import require_room
from tasks.backups.errors import BadBackup
from tasks.backups.facts import Contents, Form, ManifestFile
from tasks.backups.files.manifest import hashed_files
from tasks.backups.formats import archive, base_backup, sql_dump
from tasks.backups.formats.interface import Head, fitting, newest
from tasks.backups.tool_words import error_line, require_good
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.postgres.installation import Installation, PostgresUnavailable
from tasks.postgres.throwaway import Throwaway, copied_postgres, throwaway_postgres
from tasks.processes import Finished
from tasks.progress import BACKUP, TABLES, tell

Known = Sequence[Installation]
_ARCHIVES = (Form.CUSTOM, Form.DIRECTORY)
_ROOM_OVER_LIVE = 1.3
"""A restored copy is denser than the live database; its indexes are built with files beside them."""

_UNPACKED_SHARE = 0.9
_REFUSED = re.compile(r"\b(?:FATAL|PANIC): ")
"""PostgreSQL's own word on a copy; without one it did not get so far as to look."""

_DAMAGED = re.compile(r"FATAL: +(?:invalid page|could not (?:read|open|access|find)|cache lookup failed|.*corrupt)")
"""Why a database cannot be connected to; libpq gives no SQLSTATE then."""

_NOT_THE_BACKUPS = ("08", "53", "57")
"""Classes of SQLSTATE: no connection, no resources, ended by somebody."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A restored copy: a database of a server that runs, or an SQLite file."""

    dsn: str = field(repr=False)
    file: Path | None
    version: str
    url: str = field(default="", repr=False)
    unchecked: Message | None = None
    """What could not be looked at, of a copy of files."""


def read_head(backup: Path, form: Form, known: Known, deadline: Deadline) -> Head:
    """What a backup says of itself; raises BadBackup or ObservationError, and OSError."""
    if form in _ARCHIVES:
        return archive.read_head(backup, newest(known), deadline)
    if form in (Form.SQL, Form.SQL_GZ):
        return sql_dump.read_head(backup, form)
    base_backup.require_whole(backup)
    return base_backup.read_head(backup, form)


def decode(
    backup: Path, form: Form, head: Head, known: Known, folder: Path, deadline: Deadline
) -> tuple[tuple[ManifestFile, ...], Head]:
    """Read everything in a backup; gives its files' hashes, and its head with what is known now.

    Raises BadBackup or ObservationError, and OSError.
    """
    if form in _ARCHIVES:
        return archive.decode(backup, form, newest(known), deadline), head
    if form in (Form.SQL, Form.SQL_GZ):
        room = int(shutil.disk_usage(folder).free * _UNPACKED_SHARE)
        files, size = sql_dump.decode(backup, form, room, deadline)
        return files, replace(head, plain_bytes=size)
    installation = fitting(known, head.needed_major, exactly=True)
    files = hashed_files(backup, deadline.progress(BACKUP))
    cluster = backup
    if form is Form.BASE_TAR:
        require_room(folder, sum(file.bytes for file in files) * 1.2)
        cluster = folder / "data"
        base_backup.unpack(backup, cluster, deadline)
    base_backup.verify(cluster, installation, deadline)
    return files, head


def restore(
    backup: Path, form: Form, head: Head, known: Known, folder: Path, held: ExitStack, deadline: Deadline, *,
    jobs: int, disk_factor: float, bytes: int, known_contents: Contents | None, expected: str,
) -> Copy:  # fmt: skip
    """A database made from a backup, on a server that runs for as long as `held`.

    Raises BadBackup, ObservationError or PostgresUnavailable, and OSError.
    """
    require_room(folder, _needed(head, bytes, disk_factor, known_contents))
    roles = known_contents.roles if known_contents is not None else ()
    if form in (Form.BASE, Form.BASE_TAR):
        return _physical(backup, form, head, known, folder, held, deadline, roles, expected)
    installation = fitting(known, head.needed_major)
    server = held.enter_context(throwaway_postgres(folder, installation, ready_s=min(60.0, deadline.require())))
    name = f"drill_{secrets.token_hex(6)}"
    _create(server, name, head.encoding, roles)
    dsn, roles_known = server.dsn(name), known_contents is not None
    if form in _ARCHIVES:
        archive.restore(
            backup, head, installation, dsn, jobs, folder / "pg_restore.log", deadline, roles_known=roles_known
        )
    else:
        below = server.dsn_below(name)
        sql_dump.restore(backup, form, installation, below, folder, deadline, roles_known=roles_known)
    return Copy(dsn, None, installation.version, server.url(name))


def read_copy(dsn: str, until: datetime, rule: str, violations: bool, jobs: int, deadline: Deadline) -> Contents:
    """What came out of a backup; raises BadBackup for a copy that cannot be read."""
    bound = f"-c statement_timeout={round(deadline.require() * 1000)}"
    try:
        with ExitStack() as opened:
            connections = [opened.enter_context(psycopg.connect(dsn, options=bound)) for _ in range(jobs)]
            wanted = Wanted(until, rule, violations=violations)
            return read_contents(connections, wanted, lambda done, of: tell(TABLES, done, of))
    except psycopg.Error as error:
        deadline.require()
        raise _not_read(error) from None


def _not_read(error: psycopg.Error) -> Exception:
    """What a copy cannot be read for: damage in it, or something that has nothing to do with the backup."""
    why = error_line(f"ERROR: {error.diag.message_primary or error}")
    refused = error.sqlstate is None and _DAMAGED.search(str(error)) is None
    if refused or (error.sqlstate or "")[:2] in _NOT_THE_BACKUPS:
        return ObservationError(msg("The drill's PostgreSQL does not answer: {why}", why=why))
    return BadBackup(msg("What came out of it cannot be read: {why}", why=why))


def _not_started(why: str) -> Message:
    return msg("PostgreSQL does not start on the copy: {why}", why=why)


def _needed(head: Head, size: int, disk_factor: float, known: Contents | None) -> float:
    """Bytes of disk for a restored copy: by what is known of the database, else by the backup's size."""
    if known is not None and known.bytes:
        return known.bytes * _ROOM_OVER_LIVE
    return max(size * disk_factor, head.plain_bytes * 2)


def _create(server: Throwaway, name: str, encoding: str, roles: Sequence[str]) -> None:
    """An empty database in the dump's own encoding, beside the roles that it will ask for."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
    if encoding and encoding != "UTF8":
        create += sql.SQL(" ENCODING {} LOCALE 'C' LOCALE_PROVIDER libc").format(sql.Literal(encoding))
    try:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            for role in roles:
                if role != "postgres":
                    connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
            connection.execute(create)
    except psycopg.Error as error:
        why = error_line(f"ERROR: {error.diag.message_primary or error}")
        raise ObservationError(msg("The drill's PostgreSQL cannot make an empty database: {why}", why=why)) from None


def _physical(
    backup: Path, form: Form, head: Head, known: Known, folder: Path, held: ExitStack, deadline: Deadline,
    roles: tuple[str, ...], expected: str,
) -> Copy:  # fmt: skip
    installation = fitting(known, head.needed_major, exactly=True)
    base_backup.copy(folder / "data" if form is Form.BASE_TAR else backup, folder / "data")
    base_backup.write_configuration(folder / "data")
    started = copied_postgres(folder, installation, ready_s=deadline.require())
    try:
        server = held.enter_context(started)
    except PostgresUnavailable as error:
        if _REFUSED.search(str(error)) is None:
            raise
        require_good(Finished(1, b"", str(error).encode(), False, False), _not_started, program="postgres")
        raise
    try:
        role = base_backup.administrator(server, roles)
        database = base_backup.database_of(server, role, expected)
        unchecked = base_backup.check_relations(installation, server, role, database, deadline)
    except psycopg.Error as error:
        raise _not_read(error) from None
    return Copy(server.dsn(database, role), None, installation.version, server.url(database, role), unchecked)
